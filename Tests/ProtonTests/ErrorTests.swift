// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Errors: where those of callbacks, peers and addresses come out, and what they say.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ErrorTests {
    static let callbacks = [
        "onReactorInit", "onStart", "onConnectionInit", "onConnectionBound", "onConnectionRemoteOpen",
        "onConnectionOpening", "onSessionOpening", "onLinkOpening", "onLinkOpened", "onDelivery", "onMessage",
        "onLinkClosing", "onLinkFinal", "onSessionClosing", "onConnectionClosing", "onTransportClosed",
        "onConnectionUnbound", "onConnectionFinal", "onReactorFinal",
    ]

    @Test(arguments: callbacks)
    func whatACallbackThrowsComesOut(_ callback: String) async throws {
        let error = await #expect(throws: TestError.self) {
            try await onThread {
                let exchange = Exchange()
                exchange.server.fails(in: callback, with: TestError(callback))
                exchange.client.on("onSendable") { (event: SenderEvent) in
                    if event.sender.unsettledCount == 0 { try event.sender.send(Message(body: 1)) }
                }
                exchange.client.on("onSettled") { (event: DeliveryEvent) in event.link.close() }
                exchange.client.on("onLinkClosed") { (event: LinkEvent) in event.session.close() }
                exchange.client.on("onSessionClosed") { (event: SessionEvent) in event.connection.close() }
                try exchange.run { container, connection in try container.createSender(connection, "a") }
            }
        }
        #expect(error == TestError(callback))
    }

    /// Where a handler of a client's endpoint is set.
    enum Place: CaseIterable {
        case connection, session, link
    }

    @Test(arguments: Place.allCases, [false, true])
    func whatAHandlerOfAnEndpointThrowsComesOut(_ place: Place, isBelow: Bool) async throws {
        let error = await #expect(throws: TestError.self) {
            try await onThread {
                let (failing, journal) = (Scripted("failing"), Journal())
                let handler: any ProtonHandler = isBelow ? Scripted("above", journal, handlers: [failing]) : failing
                let server = Scripted("server")
                defer { for scripted in [failing, server] { scripted.forget() } }
                for callback in ["onConnectionInit", "onSessionInit", "onLinkInit"] {
                    failing.fails(in: callback, with: TestError(callback))
                }
                server.on("onStart") { (event: ContainerEvent) in
                    let port = try event.container.listen("127.0.0.1:0").port ?? 0
                    let connection = try event.container.connect(
                        "127.0.0.1:\(port)", handler: place == .connection ? handler : Scripted("client"))
                    let session = try connection.session()
                    if place == .session { session.handler = handler }
                    try event.container.createSender(session, "a", handler: place == .link ? handler : nil)
                }
                try Container(server, options: .once).run()
            }
        }
        let first = [Place.connection: "onConnectionInit", .session: "onSessionInit", .link: "onLinkInit"][place]
        #expect(error?.what == first)
    }

    @Test func theSocketsAreClosedThen() async throws {
        let clock = TestClock()
        await #expect(throws: TestError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.expect(.saslHeader)
                clock.advance(by: .milliseconds(1))
                try peer.expectEnd()
            } client: { address in
                let handler = Plain { event in
                    try event.container.connect(address)
                    event.container.schedule(after: .milliseconds(1)) { throw TestError("late") }
                }
                try Container(handler, options: .once, clock: clock).run()
            }
        }
    }

    @Test func timersAndJobsThrowToo() async throws {
        let timer = await #expect(throws: TestError.self) {
            try await onThread {
                try Container(
                    Plain { $0.container.schedule(after: .zero) { throw TestError("timer") } }
                ).run()
            }
        }
        #expect(timer?.what == "timer")
        let work = await #expect(throws: TestError.self) {
            try await onThread {
                let exchange = Exchange()
                exchange.client.on("onConnectionOpened") { (event: ConnectionEvent) in
                    event.connection.workQueue.add { _ in throw TestError("work") }
                }
                try exchange.run { _, _ in }
            }
        }
        #expect(work?.what == "work")
    }

    // MARK: Errors of peers

    /// Runs a client that does nothing about errors against a server that does.
    private static func runPlainClient(_ server: Scripted) throws {
        server.on("onStart") { (event: ContainerEvent) in
            let listener = try event.container.listen("127.0.0.1:0")
            let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: Plain())
            try event.container.createSender(connection, "queue", name: "my-link")
        }
        try Container(server, options: .once).run()
    }

    @Test func unhandledErrorsOfOwnConnectionsComeOut() async throws {
        let rows: [(ProtonError.Code, String, @Sendable (LinkEvent) -> Void)] = [
            (.linkError, "closed the sender to queue: ", { $0.link.close(Condition("a:b", "because")) }),
            (.sessionError, "session", { $0.session.close(Condition("a:b", "because")) }),
            (.connectionError, "connection", { $0.connection.close(Condition("a:b", "because")) }),
        ]
        for (code, text, close) in rows {
            let error = await #expect(throws: ProtonError.self) {
                try await onThread {
                    let server = Scripted("server")
                    defer { server.forget() }
                    server.on("onLinkOpened", close)
                    try Self.runPlainClient(server)
                }
            }
            #expect(error?.code == code && error?.condition == Condition("a:b", "because"))
            #expect(error?.message.contains(text) == true && error?.message.contains("because") == true)
            #expect(error?.message.contains("127.0.0.1:") == true)
        }
    }

    @Test func unhandledErrorsOfIncomingConnectionsDoNotEndAServer() async throws {
        let opened = try await onThread {
            var opened = 0
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onLinkOpened") { (event: LinkEvent) in
                opened += 1
                if opened == 4 { return event.container.stop() }
                switch opened {
                case 1: event.link.close("a:link")
                case 2: event.session.close("a:session")
                default: event.connection.close("a:connection")
                }
                let port = event.transport?.remoteAddress?.split(separator: ":").last ?? ""
                let next = try event.container.connect("127.0.0.1:\(port)", handler: client)
                try event.container.createSender(next, "a")
            }
            let server = Plain { event in
                let listener = try event.container.listen("127.0.0.1:0")
                let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: client)
                try event.container.createSender(connection, "a")
            }
            try Container(server, options: .once).run()
            return opened
        }
        #expect(opened == 4)
    }

    @Test func aPeerThatVanishes() async throws {
        let (error, lines) = try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            peer.close()
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            var error: ProtonError?
            client.on("onTransportError") { (event: TransportEvent) in error = event.error }
            var options = ConnectionOptions.once
            options.usesSASL = false
            client.on("onStart") { (event: ContainerEvent) in
                try event.container.connect(address, options: options)
            }
            try Container(client, options: .once).run()
            return (error, client.journal.lines)
        }
        #expect(error?.code == .disconnected)
        #expect(lines.count { $0 == "client.onTransportError" } == 1)
        #expect(lines.count { $0 == "client.onDisconnected" } == 1)
        #expect(lines.contains("client.onConnectionOpened") && lines.last == "client.onReactorFinal")
    }

    // MARK: Addresses

    /// What a program without error handling gets for an address.
    private static func errorOfConnecting(_ url: String) async -> ProtonError? {
        await #expect(throws: ProtonError.self) {
            try await onThread { try Container(Plain { try $0.container.connect(url) }, options: .once).run() }
        }
    }

    @Test func aPortThatNobodyListensOn() async throws {
        let error = await Self.errorOfConnecting("127.0.0.1:1")
        #expect(error?.code == .connectFailed && error?.message.contains("127.0.0.1:1:") == true)
        #expect(error?.message.contains("refused") == true)
    }

    @Test func aHostThatIsUnknown() async throws {
        let error = await Self.errorOfConnecting("no-such-host.invalid:5672")
        #expect(error?.code == .connectFailed && error?.message.contains("no-such-host.invalid") == true)
    }

    @Test func aPortThatIsTaken() async throws {
        let other = try ScriptedServer()
        defer { other.close() }
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                try Container(Plain { try $0.container.listen(other.address) }, options: .once).run()
            }
        }
        #expect(error?.code == .listenFailed && error?.message.contains(other.address) == true)
    }

    @Test func aPeerThatSaysNothingIsNamed() {
        let condition = Condition(.resourceLimitExceeded, "local-idle-timeout expired")
        let error = ProtonError(transport: condition, to: "host:5672")
        #expect(error.code == .timedOut && error.condition == condition)
        #expect(
            error.message == "host:5672 has said nothing for longer than the idle time-out: the connection is given up."
        )
    }

    @Test func aURLThatIsNone() async throws {
        for url in ["http://localhost", "localhost:99999", "localhost:port"] {
            await #expect(throws: AMQPURLError.self) {
                try await onThread { try Container(Plain { try $0.container.connect(url) }, options: .once).run() }
            }
        }
    }

    @Test func optionsThatMakeNoSense() async throws {
        var options = ConnectionOptions.once
        options.limits.maxFrameSize = 1
        let bad = options
        #expect(throws: ProtonError.self) { try Container(options: bad) }
        let container = try Container()
        #expect(throws: ProtonError.self) { try container.connect("localhost", options: bad) }
        #expect(throws: ProtonError.self) { try container.listen("localhost:0", options: bad) }
        #expect(throws: ProtonError.self) { try container.run(threads: 0, handler: Idle()) }
    }
}

/// A handler for several threads that does nothing.
final class Idle: MessagingHandler, Sendable {}
