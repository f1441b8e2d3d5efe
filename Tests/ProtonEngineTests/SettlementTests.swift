// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Testing

/// Deliveries that are open at both ends, from few to many, and the order in which they are settled.
struct SettlementTests {
    /// A sender and a receiver that keeps what comes.
    private struct Keeping {
        let pair: EnginePair
        let sender: Sender
        let receiver: Receiver
        let kept = Box<[Delivery]>([])

        init(credit: Int, settled: Bool = false) throws {
            pair = EnginePair()
            pair.server.events.react = { [kept] event in
                event.answer()
                guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
                _ = delivery.takeBytes()
                kept.value.append(delivery)
            }
            pair.client.events.react = { event in
                guard case .delivery(let delivery) = event, delivery.remoteUpdate()?.isSettled == true else { return }
                delivery.settle()
            }
            (sender, receiver) = try pair.openSender(credit: credit) { if settled { $0.senderSettleMode = .settled } }
        }
    }

    @Test func eachSideCountsItsOwn() throws {
        let link = try Keeping(credit: 10)
        #expect(link.sender.unsettledCount == 0 && link.receiver.unsettledCount == 0)
        try link.sender.send(Message(body: 1))
        #expect(link.sender.unsettledCount == 1 && link.receiver.unsettledCount == 0)
        try link.pair.pump()
        #expect(link.sender.unsettledCount == 1 && link.receiver.unsettledCount == 1 && link.receiver.credit == 9)
        try #require(link.kept.value.first).settle()
        #expect(link.sender.unsettledCount == 1 && link.receiver.unsettledCount == 0)
        try link.pair.pump()
        #expect(link.sender.unsettledCount == 0)
    }

    @Test func whatIsSentSettledArrivesSettledAndInOrder() throws {
        let link = try Keeping(credit: 10, settled: true)
        for tag in [[1], [2]] as [[UInt8]] { try link.sender.send(Message(body: 1), tag: tag) }
        #expect(link.sender.unsettledCount == 0)
        try link.pair.pump()
        #expect(link.kept.value.map(\.tag) == [[1], [2]])
        #expect(link.kept.value.allSatisfy { $0.isSettled } && link.receiver.unsettledCount == 2)
        for delivery in link.kept.value { delivery.settle() }
        #expect(link.receiver.unsettledCount == 0)
    }

    @Test(arguments: [(1_024, 1_024), (2_048, 1_024), (4_096, 1_024), (1_024, 2_048), (2_048, 2_048), (4_096, 2_048)])
    func many(count: Int, size: Int) throws {
        let link = try Keeping(credit: count)
        let bytes = [UInt8](repeating: 7, count: size)
        for _ in 0..<count { try link.sender.send(encoded: bytes) }
        #expect(link.sender.unsettledCount == count && link.receiver.unsettledCount == 0)
        try link.pair.pump()
        #expect(link.sender.unsettledCount == count && link.receiver.unsettledCount == count)
        #expect(link.kept.value.count == count)
        for delivery in link.kept.value.reversed() { delivery.settle(.accepted) }
        try link.pair.pump()
        #expect(link.sender.unsettledCount == 0 && link.receiver.unsettledCount == 0)
    }

    /// More messages than a session's window has numbers for, settled in between and afterwards.
    @Test func inOrderOverSeveralWindows() throws {
        let link = try Keeping(credit: 1_024)
        var sent = 0
        func send(_ count: Int) throws {
            for _ in 0..<count {
                try link.sender.send(Message(id: MessageID(sent), body: 1), tag: Array("tag\(sent)".utf8))
                sent += 1
            }
        }
        try send(1_024)
        try link.pair.pump()
        for delivery in link.kept.value { delivery.settle(.accepted) }
        try link.receiver.flow(1_024)
        try link.pair.pump()
        try send(426)
        try send(50)
        try link.pair.pump()
        let tags = link.kept.value.dropFirst(1_024).map { String(decoding: $0.tag, as: UTF8.self) }
        #expect(tags == (1_024..<1_500).map { "tag\($0)" })
        for delivery in link.kept.value.dropFirst(1_024) { delivery.settle(.accepted) }
        try link.pair.pump()
        #expect(link.sender.unsettledCount == 0 && link.receiver.unsettledCount == 0)
    }

    @Test func aCloseOfTheSenderSettlesWhatItSent() throws {
        let link = try Keeping(credit: 10)
        for _ in 0..<10 { try link.sender.send(Message(body: 1)) }
        // The receiver keeps its end open: what came can still be settled there, which says nothing to the peer.
        link.pair.server.events.react = { [kept = link.kept] event in
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            _ = delivery.takeBytes()
            kept.value.append(delivery)
        }
        link.sender.close()
        try link.pair.pump()
        #expect(link.kept.value.count == 10 && link.receiver.state == EndpointState(local: .active, remote: .closed))
        for delivery in link.kept.value { delivery.settle(.accepted) }
        link.receiver.close()
        try link.pair.pump()
        #expect(link.sender.state == .closed && link.receiver.state == .closed)
        #expect(link.pair.client.events.count("transport.error") == 0)
    }
}
