// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonBroker
import ProtonTesting
import Testing

/// Messages that a broker cannot take, or cannot send, and where no outcome can tell.
struct PresettledTests {
    /// Why a message is not taken.
    enum Reason: CaseIterable {
        case queueFull, relayToNowhere, relayWithoutAddress, invalid

        var condition: Symbol {
            switch self {
            case .queueFull: .resourceLimitExceeded
            case .relayToNowhere: .notFound
            case .relayWithoutAddress: .preconditionFailed
            case .invalid: .decodeError
            }
        }
    }

    /// How a sender says that no outcome `rejected` is of use to it.
    enum Sender: CaseIterable { case settles, hasNoRejected }

    @Test(arguments: Reason.allCases, Sender.allCases)
    func theLinkIsClosedWhereNothingElseTells(reason: Reason, sender: Sender) throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("full", limits: QueueLimits(messages: 1, policy: .reject))]
        options.makesQueues = reason != .relayToNowhere
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send("a", to: "full")
        let peer = try FramePeer(broker)
        let outcomes = AMQPValue.array(AMQPArray(["amqp:accepted:list", "amqp:released:list"] as [Symbol]))
        let source = sender == .hasNoRejected ? PeerFrame.terminus(0x28, [9: outcomes]) : .source(nil)
        let isRelay = reason == .relayToNowhere || reason == .relayWithoutAddress
        try peer.attach(
            .attach(sendingTo: "", ["source": source, "target": isRelay ? .target(nil) : .target("full")]))
        try peer.wait(.flow)
        let isSettled = AMQPValue.boolean(sender == .settles)
        switch reason {
        case .queueFull: try peer.send(.transfer(0, Message(body: "b"), ["settled": isSettled]))
        case .relayToNowhere: try peer.send(.transfer(0, Message(body: "b", address: "x"), ["settled": isSettled]))
        case .relayWithoutAddress: try peer.send(.transfer(0, Message(body: "b"), ["settled": isSettled]))
        case .invalid: try peer.send(.transfer(0, payload: [1, 2, 3], ["settled": isSettled]))
        }
        let detach = try peer.wait(.detach)
        #expect(detach["closed"] == true && detach.condition?.name == reason.condition)
        // The connection goes on.
        try peer.send(.detach())
        try peer.sync()
        #expect(try broker.takeAll(from: "full") == ["a"])
    }

    @Test(arguments: [["amqp:accepted:list", "amqp:rejected:list"], []] as [[Symbol]])
    func elseTheMessageIsRejectedAndTheLinkGoesOn(outcomes: [Symbol]) throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("full", limits: QueueLimits(messages: 1, policy: .reject))]
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send("a", to: "full")
        let peer = try FramePeer(broker)
        let source = PeerFrame.terminus(0x28, outcomes.isEmpty ? [:] : [9: .array(AMQPArray(outcomes))])
        try peer.attach(.attach(sendingTo: "full", ["source": source]))
        for id in 0..<5 as Range<UInt32> {
            try peer.send(.transfer(id, Message(body: "b")))
            guard case .outcome(.rejected(let condition?))? = try peer.waitOutcome(id).state else {
                throw ProtonError(.linkError, "The message is not rejected.")
            }
            #expect(condition.name == .resourceLimitExceeded)
        }
        #expect(!peer.hasUnread(.detach))
    }

    // MARK: What a consumer does not take

    /// A consumer with a limit of 200 bytes a message.
    private func limited(_ peer: FramePeer, presettled: Bool) throws {
        try peer.attach(
            .attach(
                receivingFrom: "q", ["max-message-size": 200, "snd-settle-mode": .ubyte(presettled ? 1 : 0)]))
    }

    @Test(arguments: [false, true]) func largeMessagesStayForOthersAndSmallOnesBehindThemCome(presettled: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let large = String(repeating: "x", count: 300)
        try broker.send("1", large, "2", large, "3", to: "q")
        let peer = try FramePeer(broker)
        try limited(peer, presettled: presettled)
        try peer.send(.flow(credit: 10))
        let transfers = try (0..<3).map { _ in try peer.wait(.transfer) }
        #expect(transfers.map(\.text) == ["1", "2", "3"])
        if presettled {
            #expect(transfers.allSatisfy { $0["settled"] == true })
        } else {
            try peer.send(.disposition(.accepted, transfers[0].deliveryID, ["last": .uint(transfers[2].deliveryID)]))
        }
        try peer.sync()
        #expect(!peer.hasUnread(.transfer) && !peer.hasUnread(.detach))
        #expect(try broker.takeAll(from: "q") == [large, large])
    }

    /// A message whose header grows on redelivery is still not sent where it is too large then.
    @Test func theSizeIsThatOfWhatIsSent() throws {
        let log = LogLines()
        var options = BrokerOptions()
        options.logger = Logger(label: "test") { _ in log }
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        // Without a header: 7 bytes and a text of 150, and up to 16 bytes more with a delivery count.
        try broker.send(String(repeating: "x", count: 150), "small", to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q", ["max-message-size": 164]))
        try peer.send(.flow(credit: 10))
        let first = try peer.wait(.transfer)
        #expect(first.text.count == 150)
        try peer.wait(.transfer)
        try peer.send(.disposition(.modified(deliveryFailed: true), first.deliveryID))
        try peer.sync()
        #expect(!peer.hasUnread(.transfer) && !peer.hasUnread(.detach))
        let rest = try broker.receive(1, from: "q")
        #expect(rest.map(\.text.count) == [150] && rest.map(\.deliveryCount) == [1])
        #expect(log.lines.contains { $0.contains("kept a message from a consumer") && $0.contains("address=q") })
    }

    /// A drain is answered though large messages are there.
    @Test func aDrainIsAnsweredBeforeLargeMessages() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send(String(repeating: "x", count: 300), to: "q")
        let peer = try FramePeer(broker)
        try limited(peer, presettled: false)
        try peer.send(.flow(credit: 10, ["drain": true]))
        #expect(try peer.wait(.flow) { $0["handle"] != .null }["link-credit"] == .uint(0))
    }
}
