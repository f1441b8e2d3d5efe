// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Links that are attached again when their connection was lost: their credit, their drains, and who is told of them.
@Suite(.timeLimit(.minutes(1)))
struct LinkRenewalTests {
    /// Does a server's part of the opening, up to the attach of one link of the client's, without answering that.
    private static func accept(_ server: ScriptedServer) throws -> (peer: ScriptedPeer, attach: Frame) {
        let peer = try server.accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        return (peer, try peer.expect(.attach))
    }

    private static func end(_ peer: ScriptedPeer) throws {
        try peer.expect(.close, skipping: .disposition, .detach, .end, .flow)
        try peer.send(.close())
    }

    /// Runs a client with one receiver, without a prefetch.
    private static func run(_ address: String, _ client: Scripted, _ use: @escaping (Receiver) throws -> Void) throws {
        defer { client.forget() }
        client.on("onStart") { (event: ContainerEvent) in
            let connection = try event.container.connect(address)
            try use(event.container.createReceiver(connection, "q"))
        }
        try Container(client, options: .quick).run()
    }

    @Test func creditThatWasNotUsedIsGivenAgain() async throws {
        try await withScriptedServer { server in
            var (peer, attach) = try Self.accept(server)
            try peer.send(.attach(answering: attach))
            try peer.expect(.flow, ["link-credit": 10])
            try peer.send((0..<3).map { try .transfer($0, Message(body: 1)) })
            // Those of several messages may come together.
            while case let told = try peer.expect(.disposition), told["first"] != .uint(2), told["last"] != .uint(2) {}
            peer.close()
            (peer, attach) = try Self.accept(server)
            var answer = Frame.attach(answering: attach)
            answer["initial-delivery-count"] = 100
            try peer.send(answer)
            try peer.expect(.flow, ["link-credit": 7, "delivery-count": 100])
            try peer.send((0..<7).map { try .transfer($0, Message(body: 2)) })
            try Self.end(peer)
        } client: { address in
            let client = Scripted("client", options: HandlerOptions(prefetch: 0))
            var count = 0
            client.on("onMessage") { (event: MessageEvent) in
                count += 1
                if count == 10 { event.connection.close() }
            }
            try Self.run(address, client) { try $0.flow(10) }
            #expect(client.journal.count("client.onLinkOpened") == 2)
        }
    }

    @Test(arguments: [0, 10])
    func aDrainThatIsCutOffIsAskedForAgain(prefetch: Int) async throws {
        try await withScriptedServer { server in
            var (peer, attach) = try Self.accept(server)
            try peer.send(.attach(answering: attach))
            try peer.expect(.flow, ["link-credit": 10, "drain": true])
            peer.close()
            (peer, attach) = try Self.accept(server)
            try peer.send(.attach(answering: attach))
            try peer.expect(.flow, ["link-credit": 10, "drain": true])
            try peer.send(.flow(credit: 0, ["delivery-count": 10, "drain": true]))
            if prefetch > 0 { try peer.expect(.flow, ["link-credit": 10, "delivery-count": 10]) }
            try Self.end(peer)
        } client: { address in
            let client = Scripted("client", options: HandlerOptions(prefetch: prefetch))
            client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in
                event.container.schedule(after: .milliseconds(50)) { event.connection.close() }
            }
            try Self.run(address, client) { try $0.drain(10) }
            #expect(client.journal.count("client.onReceiverDrainFinish") == 1)
        }
    }

    /// With a limit of as many links as there are, one that counts twice is one too many.
    @Test func linksCountOnceAndAreToldOnce() async throws {
        try await withScriptedServer { server in
            for round in 0..<5 {
                let (peer, attach) = try Self.accept(server)
                try peer.send(.attach(answering: attach))
                try peer.expect(.flow)
                guard round == 4 else {
                    peer.close()
                    continue
                }
                try peer.send(.transfer(0, Message(body: 1)))
                try Self.end(peer)
            }
        } client: { address in
            var options = ConnectionOptions.quick
            options.limits.maxLinks = 1
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                let connection = try event.container.connect(address, options: options)
                try event.container.createReceiver(connection, "q")
            }
            client.on("onMessage") { (event: MessageEvent) in
                #expect(throws: ProtonError.self) { try event.container.createReceiver(event.connection, "r") }
                event.connection.close()
            }
            try Container(client).run()
            for callback in ["onConnectionInit", "onSessionInit", "onLinkInit", "onLinkLocalOpen", "onLinkFinal"] {
                #expect(client.journal.count("client.\(callback)") == 1, "\(callback)")
            }
            #expect(client.journal.count("client.onLinkOpened") == 5)
            #expect(client.journal.count("client.onConnectionError") == 0)
        }
    }

    /// What is sent after the loss would never go out.
    @Test func nothingIsSentWithoutAConnection() async throws {
        try await withScriptedServer { server in
            var (peer, attach) = try Self.accept(server)
            try peer.send(.attach(answering: attach), .flow(credit: 5))
            try peer.expect(.transfer)
            peer.close()
            (peer, attach) = try Self.accept(server)
            try peer.send(.attach(answering: attach), .flow(credit: 5))
            try peer.expect(.transfer)
            try peer.send(.disposition(.accepted, 0))
            try Self.end(peer)
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            var sender: Sender?
            client.on("onStart") { (event: ContainerEvent) in
                sender = try event.container.createSender(event.container.connect(address), "q")
            }
            client.on("onSendable") { (event: SenderEvent) in
                if event.sender.unsettledCount == 0 { try event.sender.send(Message(body: 1)) }
            }
            client.on("onDisconnected") { (_: TransportEvent) in
                #expect(sender?.credit == 0)
                #expect(#expect(throws: ProtonError.self) { try sender?.send(Message(body: 2)) }?.code == .closed)
            }
            client.on("onAccepted") { (event: DeliveryEvent) in event.connection.close() }
            try Container(client, options: .quick).run()
            sender = nil
            #expect(client.journal.count("client.onDisconnected") == 1)
        }
    }
}
