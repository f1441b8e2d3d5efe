// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Receivers that settle once their sender has (AMQP 1.0, 2.6.12), with handlers at both ends.
@Suite(.timeLimit(.minutes(1)))
struct SettleModeTests {
    /// - Parameter byReceiver: whether the client receives, and asks for the mode, or sends.
    @Test(arguments: [false, true])
    func theSecondModeSettlesBothEndsInTurn(byReceiver: Bool) async throws {
        let (sending, receiving) = try await onThread {
            let exchange = Exchange()
            let (sender, receiver) =
                byReceiver ? (exchange.server, exchange.client) : (exchange.client, exchange.server)
            var sent: [Delivery] = []
            sender.on("onSendable") { (event: SenderEvent) in
                if sent.isEmpty { sent.append(try event.sender.send(Message(body: 1))) }
            }
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in
                if event.link.isReceiver { event.link.receiverSettleMode = event.link.remoteReceiverSettleMode }
            }
            receiver.on("onMessage") { (event: MessageEvent) in
                #expect(event.receiver.receiverSettleMode == .second)
                #expect(event.receiver.remoteReceiverSettleMode == .second)
            }
            receiver.on("onSettled") { (event: DeliveryEvent) in
                #expect(event.delivery.localState == .accepted && event.delivery.isSettled)
                event.container.schedule(after: .milliseconds(1)) {
                    #expect(event.link.unsettledCount == 0 && sent.first?.link.unsettledCount == 0)
                    event.connection.close()
                }
            }
            try exchange.run { container, connection in
                if byReceiver {
                    try container.createReceiver(connection, "q", options: .receiverSettleMode(.second))
                } else {
                    try container.createSender(connection, "q", options: .receiverSettleMode(.second))
                }
            }
            return (exchange.lines(of: sender), exchange.lines(of: receiver))
        }
        #expect(sending.count { $0 == "onAccepted" } == 1 && receiving.count { $0 == "onSettled" } == 1)
        #expect(!sending.contains("onLinkError") && !receiving.contains("onLinkError"))
    }

    /// A peer that settles without an outcome may have dropped the message.
    @Test func aDoubtIsTold() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.send(.attach(answering: peer.expect(.attach)), .flow(credit: 2))
            for _ in 0..<2 { try peer.expect(.transfer) }
            try peer.send(.disposition(.accepted, 0, ["state": .null]), .disposition(.accepted, 1))
            try peer.expect(.close, skipping: .detach, .end)
            try peer.send(.close())
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                try event.container.createSender(event.container.connect(address), "q")
            }
            client.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0 { try event.sender.send(Message(body: 1)) }
            }
            var doubts: [Bool] = []
            client.on("onSettled") { (event: DeliveryEvent) in
                doubts.append(event.delivery.isInDoubt)
                #expect(event.delivery.isInDoubt == (event.delivery.remoteState == nil))
                if doubts.count == 2 { event.connection.close() }
            }
            try Container(client, options: .once).run()
            #expect(doubts == [true, false] && client.journal.count("client.onAccepted") == 1)
        }
    }
}
