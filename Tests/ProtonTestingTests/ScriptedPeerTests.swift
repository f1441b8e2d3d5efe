// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// Peers that do what a script says: as clients of a broker, and as servers of a container.
@Suite(.timeLimit(.minutes(1)))
struct ScriptedPeerTests {
    private struct Failure: Error {}

    /// Sends one message, and notes what becomes of it.
    private final class Client: MessagingHandler {
        private let server: String
        private(set) var notes: [String] = []

        init(_ server: String) { self.server = server }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect(server, options: ConnectionOptions(reconnect: nil))
            try event.container.createSender(connection, "queue")
        }

        func onSendable(_ event: SenderEvent) throws {
            try event.sender.send(Message(body: "hello"))
            event.sender.close()
        }

        func onLinkError(_ event: LinkEvent) {
            notes.append("\(event.link.remoteCondition?.name.name ?? "none")")
            event.connection.close()
        }

        func onAccepted(_ event: DeliveryEvent) {
            notes.append("accepted")
            event.connection.close()
        }

        static func run(_ address: String) throws -> [String] {
            let client = Client(address)
            try Container(client).run()
            return client.notes
        }
    }

    // MARK: As a client

    @Test func aClientOfABroker() async throws {
        try await withBroker { broker in
            try await onThread { [port = broker.port] in
                let peer = try ScriptedPeer(connectingTo: port)
                let open = try peer.handshake(.open("scripted", ["max-frame-size": 4_096]))
                #expect(open["container-id"].stringValue?.isEmpty == false)
                try peer.send(.begin(), .attach(sendingTo: "queue", name: "out"))
                try peer.expect(.begin, ["remote-channel": 0])
                try peer.expect(.attach, ["name": "out", "role": true])
                try peer.expect(.flow)
                try peer.send(.transfer(0, Message(body: "hello")))
                let disposition = try peer.expect(.disposition, ["first": 0], skipping: .flow)
                #expect(disposition.state == .outcome(.accepted))
                try peer.send(.attach(receivingFrom: "queue", name: "in", handle: 1), .flow(credit: 1, handle: 1))
                try peer.expect(.attach, ["name": "in", "role": false], skipping: .flow)
                #expect(try peer.expect(.transfer, skipping: .flow).message().body == .value("hello"))
                try peer.send(.disposition(.outcome(.accepted), 0), .close())
                try peer.expect(.close, skipping: .flow)
                try peer.expectEnd()
                #expect(peer.received.first == .amqpHeader && peer.received.last?.kind == .close)
            }
        }
    }

    @Test func whatABrokerSaysToGarbage() async throws {
        try await withBroker { broker in
            try await onThread { [port = broker.port] in
                let peer = try ScriptedPeer(connectingTo: port)
                try peer.send(bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8))
                #expect(try peer.receiveAll().first == .amqpHeader)
            }
        }
    }

    @Test func aPortThatNobodyListensOn() throws {
        let error = #expect(throws: ProtonError.self) { try ScriptedPeer(connectingTo: 1) }
        #expect(error?.code == .connectFailed)
        for port in [0, -1, 65_536] { #expect(throws: ProtonError.self) { try ScriptedPeer(connectingTo: port) } }
    }

    // MARK: As a server

    @Test(arguments: [true, false])
    func aServerOfAContainer(refuses: Bool) async throws {
        let notes = try await withScriptedServer { server in
            let peer = try server.accept()
            let open = try peer.handshake()
            #expect(open["hostname"] == "127.0.0.1")
            try peer.send(.begin(answering: peer.expect(.begin)))
            let attach = try peer.expect(.attach, ["role": false, "target": .target("queue")])
            if refuses {
                try peer.send(
                    .attach(answering: attach, handle: 5, channel: 0), .detach(handle: 5, error: "amqp:not-found"))
                try peer.expect(.detach)
            } else {
                try peer.send(.attach(answering: attach), .flow(credit: 1))
                let transfer = try peer.expect(.transfer, ["settled": false])
                #expect(try transfer.message().body == .value("hello"))
                try peer.send(.disposition(.outcome(.accepted), 0))
                try peer.expect(.detach)
            }
            try peer.expect(.close, skipping: .disposition, .detach)
            try peer.send(.close())
            try peer.expectEnd()
        } client: {
            try Client.run($0)
        }
        #expect(notes == [refuses ? "amqp:not-found" : "accepted"])
    }

    @Test(arguments: [true, false])
    func aServerThatGoes(byReset: Bool) async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.handshake()
                if byReset { peer.reset() } else { peer.close() }
            } client: {
                try Client.run($0)
            }
        }
        #expect(error?.code == .disconnected)
    }

    @Test func severalConnections() async throws {
        let opened = try await withScriptedServer { server in
            for number in 1...3 {
                let peer = try server.accept()
                try peer.handshake()
                if number < 3 { peer.close() }
                if number == 3 { try peer.expect(.close) }
            }
        } client: { address in
            final class Persistent: MessagingHandler {
                let server: String
                var opened = 0

                init(_ server: String) { self.server = server }
                func onStart(_ event: ContainerEvent) throws {
                    let backoff = Backoff(initial: .milliseconds(1), max: .milliseconds(1), maxTries: 5)
                    try event.container.connect(server, options: ConnectionOptions(reconnect: backoff))
                }
                func onConnectionOpened(_ event: ConnectionEvent) {
                    opened += 1
                    if opened == 3 { event.connection.close() }
                }
                func onTransportError(_ event: TransportEvent) {}
            }
            let client = Persistent(address)
            try Container(client).run()
            return client.opened
        }
        #expect(opened == 3)
    }

    // MARK: What goes otherwise

    /// What a script comes to whose client says an open frame, begins a session and closes.
    private func failure(_ script: @escaping @Sendable (ScriptedPeer) throws -> Void) async throws -> String {
        let failure = await #expect(throws: ScriptFailure.self) {
            try await withScriptedServer(limit: .milliseconds(200)) { server in
                let peer = try server.accept()
                try peer.handshake()
                try script(peer)
            } client: { address in
                _ = try? Client.run(address)
            }
        }
        return failure?.description ?? "none"
    }

    @Test func aFailureTellsBothFrames() async throws {
        let other = try await failure { try $0.expect(.attach, ["role": true]) }
        #expect(other.contains("\nexpected: attach(role: receiver)\nreceived: begin(next-outgoing-id: 0"))
        #expect(other.hasSuffix("\nafter:    SASL header, sasl-init, AMQP header, open"))
        let field = try await failure { try $0.expect(.begin, ["handle-max": 7]) }
        #expect(field.contains("expected: begin(handle-max: 7)\nreceived: begin(") && field.contains("handle-max: "))
        let end = try await failure { try $0.expectEnd() }
        #expect(end.contains("expected: the end of the connection\nreceived: begin("))
    }

    @Test func aFailureTellsThatNothingCame() async throws {
        let text = try await failure { peer in
            try peer.expect(.begin)
            try peer.expect(.attach)
            try peer.expect(.close, ["error": .null])
        }
        #expect(text.contains("expected: close()\nreceived: nothing within 0.2 seconds"))
    }

    @Test func aNameThatIsWrong() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                try server.accept().expect(.open, ["name": "x"])
            } client: {
                _ = try? Client.run($0)
            }
        }
        #expect(error?.message.contains("\"name\"") == true)
    }

    @Test func whatAClientThrows() async throws {
        await #expect(throws: Failure.self) {
            try await withScriptedServer { server in
                try server.accept().handshake()
            } client: { _ in
                throw Failure()
            }
        }
    }

    @Test func nobodyConnects() async throws {
        let error = await #expect(throws: ScriptFailure.self) {
            try await withScriptedServer(limit: .milliseconds(50)) {
                _ = try $0.accept()
            } client: { _ in
            }
        }
        #expect(error?.expected.hasPrefix("a connection to 127.0.0.1:") == true)
        #expect(error?.received == "nothing within 0.05 seconds")
    }

    @Test func anEndWithinAFrame() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.send(bytes: [0, 0, 0, 100, 2, 0, 0, 0, 0])
        } client: { address in
            guard let port = Int(address.split(separator: ":").last ?? "") else { throw Failure() }
            let peer = try ScriptedPeer(connectingTo: port)
            let error = #expect(throws: ScriptFailure.self) { try peer.receiveAll() }
            #expect(error?.received == "the end of the connection within a frame")
        }
    }
}
