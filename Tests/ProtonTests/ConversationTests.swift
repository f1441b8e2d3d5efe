// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// A message from one side to the other, and every callback that this makes, in order and once.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ConversationTests {
    /// Sends one message, then closes everything from the client's side.
    private static func sendOne(_ exchange: Exchange) throws {
        exchange.client.on("onSendable") { (event: SenderEvent) in
            if event.sender.unsettledCount == 0 { try event.sender.send(Message(body: "Hello World!")) }
        }
        exchange.client.on("onSettled") { (event: DeliveryEvent) in event.link.close() }
        exchange.client.on("onLinkClosed") { (event: LinkEvent) in event.session.close() }
        exchange.client.on("onSessionClosed") { (event: SessionEvent) in event.connection.close() }
        try exchange.run { container, connection in try container.createSender(connection, "examples") }
    }

    // Flow frames come as often as the peer likes.
    private static let noise: Set<String> = [
        "onLinkFlow", "onSendable", "onTransportHeadClosed", "onTransportTailClosed",
    ]

    @Test func everyCallbackOfTheClient() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            try Self.sendOne(exchange)
            return exchange.lines(of: exchange.client) { !Self.noise.contains($0) }
        }
        #expect(
            lines == [
                "onConnectionInit", "onConnectionLocalOpen", "onSessionInit", "onSessionLocalOpen", "onLinkInit",
                "onLinkLocalOpen", "onConnectionBound",
                "onConnectionRemoteOpen", "onConnectionOpened", "onSessionRemoteOpen", "onSessionOpened",
                "onLinkRemoteOpen", "onLinkOpened", "onDelivery", "onAccepted", "onSettled",
                "onLinkLocalClose", "onLinkRemoteClose", "onLinkClosed", "onLinkFinal",
                "onSessionLocalClose", "onSessionRemoteClose", "onSessionClosed", "onSessionFinal",
                "onConnectionLocalClose", "onConnectionRemoteClose", "onConnectionClosed", "onTransportClosed",
                "onConnectionUnbound", "onConnectionFinal",
            ])
    }

    @Test func everyCallbackOfTheServer() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            try Self.sendOne(exchange)
            return exchange.lines(of: exchange.server) { !Self.noise.contains($0) }
        }
        #expect(
            lines == [
                "onReactorInit", "onStart", "onConnectionInit", "onConnectionBound",
                "onConnectionRemoteOpen", "onConnectionOpening",
                "onSessionInit", "onSessionRemoteOpen", "onSessionOpening",
                "onLinkInit", "onLinkRemoteOpen", "onLinkOpening",
                "onConnectionLocalOpen", "onConnectionOpened", "onSessionLocalOpen", "onSessionOpened",
                "onLinkLocalOpen", "onLinkOpened",
                "onDelivery", "onMessage",
                "onLinkRemoteClose", "onLinkClosing", "onLinkLocalClose", "onLinkFinal",
                "onSessionRemoteClose", "onSessionClosing", "onSessionLocalClose", "onSessionFinal",
                "onConnectionRemoteClose", "onConnectionClosing", "onConnectionLocalClose",
                "onTransportClosed", "onConnectionUnbound", "onConnectionFinal", "onReactorFinal",
            ])
    }

    @Test func whatIsOpenAtTheEndGoesWithTheConnection() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in event.connection.close() }
            try exchange.run { container, connection in try container.createSender(connection, "examples") }
            return exchange.journal.lines
        }
        let end = ["onTransportClosed", "onConnectionUnbound", "onLinkFinal", "onSessionFinal", "onConnectionFinal"]
        for side in ["client", "server"] {
            let lines = lines.filter { $0.hasPrefix("\(side).on") }.map { String($0.dropFirst(side.count + 1)) }
            let last = lines.filter { $0.hasSuffix("Final") || $0.hasSuffix("Unbound") || $0 == "onTransportClosed" }
            #expect(last.filter { $0 != "onReactorFinal" } == end)
        }
    }

    @Test func eventsHoldWhatTheyPromise() async throws {
        try await onThread {
            let exchange = Exchange()
            exchange.server.on("onMessage") { (event: MessageEvent) in
                #expect(event.message.body == "Hello World!" && event.receiver === event.link)
                #expect(event.connection.isIncoming && event.session === event.link.session)
                #expect(event.delivery.link === event.receiver)
                #expect(event.transport?.remoteAddress?.hasPrefix("127.0.0.1:") == true)
                #expect(event.receiver.remoteTarget.address == "examples")
            }
            exchange.client.on("onAccepted") { (event: DeliveryEvent) in
                #expect(event.sender != nil && event.receiver == nil && event.delivery.remoteState == .accepted)
                #expect(event.connection.remoteContainerID == event.container.id)
            }
            try Self.sendOne(exchange)
        }
    }

    @Test func helloWorldBothWays() async throws {
        let bodies = try await onThread {
            let exchange = Exchange()
            var bodies: [Message.Body] = []
            var sender: Sender?
            // The simplest broker: what comes in goes out to the other link.
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in sender = event.sender ?? sender }
            exchange.server.on("onMessage") { (event: MessageEvent) in try sender?.send(event.message) }
            exchange.client.on("onSendable") { (event: SenderEvent) in
                try event.sender.send(Message(body: "Hello World!"))
                event.sender.close()
            }
            exchange.client.on("onMessage") { (event: MessageEvent) in
                bodies.append(event.message.body)
                event.connection.close()
            }
            try exchange.run { container, connection in
                try container.createReceiver(connection, "examples")
                try container.createSender(connection, "examples")
            }
            return bodies
        }
        #expect(bodies == ["Hello World!"])
    }

    @Test func aURLMakesTheLinkAndItsConnection() async throws {
        let addresses = try await onThread {
            var addresses: [String?] = []
            let handler = Scripted("both")
            defer { handler.forget() }
            handler.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                let url = "amqp://127.0.0.1:\(listener.port ?? 0)/some/where"
                try event.container.createSender(url)
                try event.container.createReceiver(url)
                handler.on("onLinkOpening") { (event: LinkEvent) in
                    addresses.append(event.sender == nil ? event.link.target.address : event.link.source.address)
                    if addresses.count == 2 { event.container.stop() }
                }
            }
            try Container(handler, options: .once).run()
            return addresses
        }
        #expect(addresses == ["some/where", "some/where"])
    }
}
