// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Which handler is told of an event, and in what order.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct HandlerOrderTests {
    @Test func rawCallbacksComeBeforeDerivedOnes() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onSendable") { (event: SenderEvent) in event.connection.close() }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        let pairs = [
            ("server.onConnectionRemoteOpen", "server.onConnectionOpening"),
            ("server.onLinkRemoteOpen", "server.onLinkOpening"), ("client.onLinkFlow", "client.onSendable"),
            ("client.onConnectionRemoteClose", "client.onConnectionClosed"),
        ]
        for (raw, derived) in pairs {
            let place = try #require(lines.firstIndex(of: raw))
            #expect(lines.firstIndex(of: derived) == place + 1)
        }
    }

    @Test func childrenAreToldDepthFirst() async throws {
        let lines = try await onThread {
            let journal = Journal()
            let tree = Scripted(
                "a", journal,
                handlers: [
                    Scripted("b", journal, handlers: [Scripted("c", journal)]),
                    Scripted("d", journal),
                ])
            let other = Scripted("e", journal)
            tree.on("onStart") { (event: ContainerEvent) in
                _ = event.container.schedule(after: .zero) { journal.note("ran") }
            }
            try Container(tree, other, options: .once).run()
            return journal.lines
        }
        #expect(
            lines == [
                "a.onReactorInit", "a.onStart", "b.onReactorInit", "b.onStart", "c.onReactorInit", "c.onStart",
                "d.onReactorInit", "d.onStart", "e.onReactorInit", "e.onStart", "ran",
                "a.onReactorFinal", "b.onReactorFinal", "c.onReactorFinal", "d.onReactorFinal", "e.onReactorFinal",
            ])
    }

    @Test func childrenSeeEachEventAfterTheirParent() async throws {
        let lines = try await onThread {
            let journal = Journal()
            let child = Scripted("child", journal)
            let exchange = Exchange(clientHandlers: [child])
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in journal.note("parent opened") }
            child.on("onLinkOpened") { (event: LinkEvent) in
                journal.note("child opened")
                event.connection.close()
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return journal.lines
        }
        #expect(lines == ["parent opened", "child.onLinkOpened", "child opened"] || lines.contains("child opened"))
        let parent = try #require(lines.firstIndex(of: "parent opened"))
        let child = try #require(lines.firstIndex(of: "child opened"))
        #expect(parent < child && lines.count { $0 == "child.onLinkOpened" } == 1)
    }

    @Test func theNearestHandlerWins() async throws {
        let (link, connection, container) = try await onThread {
            let journal = Journal()
            let exchange = Exchange()
            let own = Scripted("link", journal)
            own.on("onLinkOpened") { (event: LinkEvent) in event.connection.close() }
            try exchange.run { container, connection in
                try container.createSender(connection, "a", handler: own)
            }
            return (
                journal.lines, exchange.lines(of: exchange.client),
                exchange.lines(of: exchange.server) { $0.hasSuffix("LocalClose") }
            )
        }
        #expect(link.contains("link.onLinkOpened") && link.contains("link.onLinkLocalOpen"))
        #expect(link.allSatisfy { $0.contains("onLink") || $0.contains("onSendable") })
        #expect(!connection.contains { $0.hasPrefix("onLink") })
        #expect(connection.contains("onConnectionOpened") && connection.contains("onSessionOpened"))
        #expect(container.contains("onConnectionLocalClose"))
    }

    @Test func aListenersHandlerIsOnePerConnection() async throws {
        let count = try await onThread {
            let made = Counter()
            let journal = Journal()
            let client = Scripted("client", journal)
            defer { client.forget() }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                if journal.count("client.onConnectionOpened") == 3 { event.container.stop() }
            }
            let root = Scripted("root", journal)
            defer { root.forget() }
            root.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0") {
                    made.increment()
                    return Handshaker()
                }
                for _ in 0..<3 {
                    try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: client)
                }
            }
            try Container(root, options: .once).run()
            #expect(!journal.lines.contains { $0.hasPrefix("root.onConnection") })
            return made.value
        }
        #expect(count == 3)
    }

    @Test func handshakerAndFlowControllerServe() async throws {
        let bodies = try await onThread {
            let bodies = Journal()
            let server = Older(bodies)
            let client = Scripted("client")
            defer { client.forget() }
            var sent = 0
            client.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, sent < 50 {
                    try event.sender.send(Message(body: "\(sent)"))
                    sent += 1
                }
            }
            client.on("onSettled") { (event: DeliveryEvent) in
                if event.link.unsettledCount == 1, sent == 50 { event.container.stop() }
            }
            let container = try Container(server, options: .once)
            server.client = client
            try container.run()
            return bodies.lines
        }
        #expect(bodies == (0..<50).map { "\($0)" })
    }
}

/// A server in the style of the older tutorial: raw callbacks, a handshaker and a flow controller.
private final class Older: ProtonHandler {
    let handlers: [any ProtonHandler] = [Handshaker(), FlowController(10)]
    var client: Scripted?
    private let bodies: Journal

    init(_ bodies: Journal) {
        self.bodies = bodies
    }

    func onReactorInit(_ event: ContainerEvent) throws {
        let listener = try event.container.listen("127.0.0.1:0")
        let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: client)
        try event.container.createSender(connection, "a")
    }

    func onDelivery(_ event: DeliveryEvent) throws {
        guard event.delivery.arrival() == .complete else { return }
        let message = try Message(decoding: event.delivery.takeBytes())
        bodies.note(message.body.stringValue ?? "?")
        event.delivery.accept()
    }
}
