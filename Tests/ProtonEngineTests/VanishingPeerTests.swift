// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// A connection that breaks at any byte, in either direction: all wrappers end, and nothing is left behind.
struct VanishingPeerTests {
    @Test(arguments: [1, 2, 13, .max], [false, true])
    func theWholeConversation(step: Int, usesSASL: Bool) throws {
        let conversation = try Conversation(usesSASL: usesSASL)
        try conversation.pair.pump(step: step)
        #expect(conversation.isComplete)
        #expect(conversation.pair.client.driver.isFinished && conversation.pair.server.driver.isFinished)
        #expect(conversation.pair.server.connection.remoteCondition == Condition("bye:bye", "that is all"))
        #expect(conversation.pair.client.events.count("transport.error") == 0)
    }

    @Test(.timeLimit(.minutes(5)), arguments: EnginePair.Direction.allCases, [false, true])
    func brokenAtEveryByte(_ direction: EnginePair.Direction, usesSASL: Bool) throws {
        let whole = try Conversation(usesSASL: usesSASL)
        try whole.pair.pump()
        #expect(whole.pair.count(direction) > 500)
        // What SASL adds is at the beginning.
        let length = usesSASL ? 200 : whole.pair.count(direction)
        var complete = 0
        for count in 0...length {
            let wrappers = try breakConversation(direction, after: count, usesSASL: usesSASL, &complete)
            #expect(wrappers.areGone, "cut after \(count) bytes")
        }
        // Only the very last bytes may be lost without a loss.
        #expect(complete <= 60)
    }

    private func breakConversation(
        _ direction: EnginePair.Direction, after count: Int, usesSASL: Bool, _ complete: inout Int
    ) throws -> WeakWrappers {
        let conversation = try Conversation(usesSASL: usesSASL)
        let pair = conversation.pair
        let wrappers = WeakWrappers(pair)
        pair.cut(direction, after: count)
        try pair.pump()
        for peer in [pair.client, pair.server] {
            #expect(peer.driver.isFinished, "cut after \(count) bytes")
            #expect(peer.events.count("transport.closed") == 1, "cut after \(count) bytes")
        }
        if conversation.isComplete { complete += 1 }
        return wrappers
    }

    @Test(arguments: [false, true])
    func brokenInTheMiddleTellsWhy(usesSASL: Bool) throws {
        let pair = EnginePair(usesSASL: usesSASL)
        let (sender, receiver) = try pair.openSender(credit: 5)
        let delivery = try sender.send(Message(body: 1))
        pair.client.vanish()
        pair.server.vanish()
        try pair.pump()
        for peer in [pair.client, pair.server] {
            #expect(peer.transportCondition?.name == .framingError)
            #expect(peer.transportCondition?.description == "connection aborted")
            #expect(peer.events.count("transport.error") == 1)
        }
        #expect(sender.isLocalOpen && receiver.isLocalOpen)
        #expect(!delivery.isSettled)
        sender.close()
        delivery.settle()
        try receiver.flow(5)
        sender.connection.close()
        try pair.pump()
        #expect(pair.client.driver.isFinished)
    }

    @Test(arguments: [false, true])
    func aPeerThatGoesHasNotBeenClosed(usesSASL: Bool) throws {
        let raw = RawPeer(usesSASL: usesSASL)
        if usesSASL { try raw.send(.saslHeader, .saslInit("ANONYMOUS")) }
        try raw.open()
        raw.peer.driver.closeInput()
        // What ends the transport is done in a batch of its own, which has nothing to write.
        for _ in 0..<3 { try raw.pump() }
        #expect(raw.peer.transportCondition?.description == "connection aborted")
        #expect(raw.peer.events.count("transport.error") == 1 && raw.peer.connection.isLocalOpen)
        #expect(raw.peer.driver.isFinished)
    }

    @Test func aCrashedHandlerLeavesNothing() throws {
        let whole = try Conversation()
        try whole.pair.pump()
        let steps = whole.pair.client.events.names.count
        for step in 0..<steps {
            let wrappers = try {
                let pair = try Conversation().pair
                let wrappers = WeakWrappers(pair)
                let react = pair.client.events.react
                pair.client.events.react = { [weak events = pair.client.events] event in
                    if events?.names.count == step + 1 { throw PairError(what: "step \(step)") }
                    try react(event)
                }
                #expect(throws: PairError.self) { try pair.pump() }
                return wrappers
            }()
            #expect(wrappers.areGone, "failed at step \(step)")
        }
    }
}
