// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Python's rule: an event goes to the handler of the link, else of its session, of its connection, of the container, and
/// then to those below that handler.
@Suite(.timeLimit(.minutes(1)))
struct NearestHandlerTests {
    enum Level: String, CaseIterable {
        case link, session, connection
    }

    /// Runs an exchange in which the server gives one of its endpoints a handler while it tells of it.
    /// - Returns: who was told of what from then on.
    private static func run(_ level: Level, then change: (@Sendable (LinkEvent) -> Void)? = nil) async throws
        -> [String]
    {
        try await onThread {
            let exchange = Exchange()
            let own = Scripted("own", exchange.journal, handlers: [Scripted("below", exchange.journal)])
            defer { own.forget() }
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in
                #expect(event.link.handler == nil && event.session.handler == nil && event.connection.handler == nil)
                exchange.journal.note("given")
                switch level {
                case .link: event.link.handler = own
                case .session: event.session.handler = own
                case .connection: event.connection.handler = own
                }
                let handlers = [event.link.handler, event.session.handler, event.connection.handler]
                #expect(handlers.count { $0 === own } == 1 && handlers.count { $0 == nil } == 2)
            }
            own.on("onLinkLocalOpen") { (event: LinkEvent) in change?(event) }
            exchange.client.on("onSendable") { (event: SenderEvent) in event.connection.close() }
            try exchange.run { try $0.createSender($1, "a") }
            return exchange.journal.lines.drop { $0 != "given" }.filter { !$0.hasPrefix("client") }
        }
    }

    @Test(arguments: Level.allCases)
    func itIsToldFromTheNextEventOn(_ level: Level) async throws {
        let lines = try await Self.run(level)
        #expect(!lines.contains { $0.hasPrefix("server.onLink") })
        let isToldOf = { (what: String) in lines.contains { $0.hasPrefix("own.\(what)") } }
        #expect(isToldOf("onConnectionRemoteClose") == (level == .connection))
        #expect(isToldOf("onSessionFinal") == (level != .link))
        #expect(lines.contains("server.onConnectionRemoteClose") == (level != .connection))
        #expect(lines.contains("server.onSessionFinal") == (level == .link))
        // Those below are told of the same, each time after it; the first one has answered the close.
        let (own, below) = (lines.filter { $0.hasPrefix("own.") }, lines.filter { $0.hasPrefix("below.") })
        #expect(own.contains("own.onLinkLocalOpen") && own.contains("own.onLinkOpened"))
        let names = own.map { $0.replacing("own.", with: "below.").replacing("nClosing", with: "nClosed") }
        #expect(names == below)
    }

    @Test(arguments: Level.allCases)
    func takenBackTheNextOneIsTold(_ level: Level) async throws {
        let lines = try await Self.run(level) { event in
            switch level {
            case .link: event.link.handler = nil
            case .session: event.session.handler = nil
            case .connection: event.connection.handler = nil
            }
        }
        #expect(lines.contains("own.onLinkLocalOpen") && !lines.contains("own.onLinkFinal"))
        #expect(lines.contains("server.onLinkFinal"))
    }

    @Test func theOptionsOfALinksOwnHandlerCount() async throws {
        let credits = try await onThread {
            let exchange = Exchange()
            var credits: [Int] = []
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in
                event.link.handler = Scripted("own", exchange.journal, options: HandlerOptions(prefetch: 3))
            }
            exchange.client.on("onSendable") { (event: SenderEvent) in
                credits.append(event.sender.credit)
                event.connection.close()
            }
            try exchange.run { try $0.createSender($1, "a") }
            return credits
        }
        #expect(credits == [3])
    }

    @Test func whatIsOverTakesNoHandler() async throws {
        try await onThread {
            let exchange = Exchange()
            var sender: Sender?
            exchange.client.on("onSendable") { (event: SenderEvent) in event.connection.close() }
            try exchange.run { sender = try $0.createSender($1, "a") }
            let link = try #require(sender)
            link.handler = exchange.client
            link.session.handler = exchange.client
            link.connection.handler = exchange.client
            #expect(link.handler == nil && link.session.handler == nil && link.connection.handler == nil)
        }
    }
}
