// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a queue hands out several messages at once of, what its links give back of that, and what they accept at once.
struct QueueBatchTests {
    /// The texts of what one consumer was sent.
    private func texts(_ sent: [QueueHarness.Sent], of id: ConsumerID) -> [String] {
        sent.filter { $0.consumer == id }.map(\.message.text)
    }

    // MARK: Handing out

    @Test func handsOutAllThatIsReady() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 4)
        try queue.put("a", "b", "c", "d", "e")
        let (step, outgoing) = queue.next(for: consumer)
        if case .send = step {} else { Issue.record("\(step)") }
        #expect(outgoing.map(\.message.text) == ["a", "b", "c", "d"])
        #expect(queue.state.consumers[consumer.index].credit == 0)
        if case .wait = queue.next(for: consumer).step {} else { Issue.record("sends without credit") }
        #expect(!queue.state.consumers[consumer.index].isAwake)
    }

    /// A link that was handed all that it may have at a time stands outside of the line, and asks again.
    @Test func handsOutMoreToALinkThatAsksAgain() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 1_000)
        for number in 0..<200 { try queue.put("\(number)") }
        var counts: [Int] = []
        var taken: [String] = []
        while case (.send, let outgoing) = queue.next(for: consumer) {
            counts.append(outgoing.count)
            taken += outgoing.map(\.message.text)
        }
        #expect(counts.count > 1 && counts.allSatisfy { $0 <= 64 })
        #expect(taken == (0..<200).map { "\($0)" })
        try queue.put("last")
        #expect(queue.sendTexts() == ["last"])
    }

    /// What comes while a link sends what it was handed is for it too, in order.
    @Test func keepsTheOrderOfWhatComesMeanwhile() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 100)
        try queue.put("a", "b")
        #expect(queue.next(for: consumer).outgoing.map(\.message.text) == ["a", "b"])
        try queue.put("c", "d")
        #expect(queue.next(for: consumer).outgoing.map(\.message.text) == ["c", "d"])
    }

    /// All that was ready has expired, and more waits behind it.
    @Test func handsOutWhatWaitsBehindExpiredMessages() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 1_000)
        for _ in 0..<64 { try queue.put(Message(body: "old", timeToLive: .milliseconds(5))) }
        try queue.put("a", "b")
        #expect(queue.state.consumers[consumer.index].ready.count == 64)
        queue.clock.advance(by: .milliseconds(5))
        #expect(queue.sendTexts() == ["a", "b"])
        #expect(queue.drops == [.expired: 64] && queue.state.heldMessages == 2)
    }

    @Test func expiredMessagesMakeRoomForProducers() throws {
        var queue = QueueHarness(limits: QueueLimits(messages: 8))
        let bytes = try Message(body: "old", timeToLive: .milliseconds(5)).encoded()
        for _ in 0..<8 { queue.put(bytes) }
        let producer = queue.state.addProducer(maxWindow: 4)
        #expect(queue.change { $0.grant(producer, &$1) } == 0)
        _ = queue.join(credit: 8)
        queue.clock.advance(by: .milliseconds(5))
        #expect(queue.send().isEmpty && queue.state.heldMessages == 0)
        #expect(queue.grants.map(\.producer) == [producer])
    }

    // MARK: Giving back

    @Test func whatIsGivenBackKeepsItsOrder() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 10)
        try queue.put("a", "b", "c", "d", "e")
        let outgoing = queue.next(for: consumer).outgoing
        try queue.put("f")
        queue.setCredit(8, of: consumer, unsent: Array(outgoing[2...]), isBlocked: true)
        #expect(queue.state.consumers[consumer.index].unsettledCount == 2)
        #expect(queue.state.messages.all.map(\.text) == ["c", "d", "e", "f"])
        try queue.put("g")
        queue.setCredit(8, of: consumer)
        #expect(queue.sendTexts() == ["c", "d", "e", "f", "g"])
        #expect(queue.state.consumers[consumer.index].credit == 3)
    }

    /// One who waits for messages gets those in order that another one gives back, one after the other.
    @Test(arguments: [true, false]) func whatIsGivenBackGoesToOneWhoWaitsInOrder(wereHandedOut: Bool) throws {
        var queue = QueueHarness()
        let first = queue.join(credit: 3)
        try queue.put("a", "b", "c")
        let second = queue.join(credit: 10)
        let unsent = wereHandedOut ? queue.next(for: first).outgoing : []
        queue.setCredit(3, of: first, unsent: unsent, isBlocked: true)
        #expect(texts(queue.send(), of: second) == ["a", "b", "c"])
    }

    @Test func whatALinkHadThatEndsGoesToOneWhoWaitsInOrder() throws {
        var queue = QueueHarness()
        let first = queue.join(credit: 4)
        try queue.put("a", "b")
        #expect(queue.next(for: first).outgoing.count == 2)
        try queue.put("c", "d")
        let second = queue.join(credit: 10)
        queue.leave(first)
        #expect(texts(queue.send(), of: second) == ["a", "b", "c", "d"])
    }

    /// A message that was not sent is not acquired by that, and stays acquired where it was before.
    @Test(arguments: [true, false]) func givingBackLeavesAMessageAsItWas(isTooLarge: Bool) throws {
        var queue = QueueHarness()
        try queue.put("old", "new")
        let consumer = queue.join(credit: 1)
        for sent in queue.send() { queue.settle(sent, .released) }
        queue.setCredit(2, of: consumer)
        let outgoing = queue.next(for: consumer).outgoing
        if isTooLarge {
            for sent in outgoing { queue.refuseOversized(sent) }
            #expect(queue.oversized == 2 && queue.state.consumers[consumer.index].credit == 2)
        } else {
            queue.setCredit(2, of: consumer, unsent: outgoing, isBlocked: true)
        }
        #expect(queue.state.messages.all.map(\.wasAcquired) == [true, false])
    }

    @Test func whatIsTooLargeInTheMiddleOfABatchGoesToOthers() throws {
        var queue = QueueHarness()
        let first = queue.join(credit: 3)
        try queue.put("a", "b", "c", "d")
        let outgoing = queue.next(for: first).outgoing
        queue.refuseOversized(outgoing[1])
        // Its credit was not used.
        #expect(queue.next(for: first).outgoing.map(\.message.text) == ["d"])
        #expect(queue.takeAll() == ["b"])
    }

    @Test func aBrowserSeesLaterWhatItGaveBack() throws {
        var queue = QueueHarness()
        try queue.put("a", "b", "c")
        let browser = queue.join(Selection(isBrowser: true), credit: 3)
        let outgoing = queue.next(for: browser).outgoing
        #expect(outgoing.count == 3)
        queue.setCredit(2, of: browser, unsent: Array(outgoing[1...]), isBlocked: true)
        queue.setCredit(2, of: browser)
        #expect(queue.sendTexts() == ["b", "c"])
        #expect(queue.state.waitingCount == 3)
    }

    /// What a browser cannot be sent it does not see again, and has its credit back.
    @Test func whatIsTooLargeForABrowserUsesNoCredit() throws {
        var queue = QueueHarness()
        try queue.put("a", "b", "c")
        let browser = queue.join(Selection(isBrowser: true), credit: 2)
        let outgoing = queue.next(for: browser).outgoing
        queue.refuseOversized(outgoing[0])
        #expect(queue.state.consumers[browser.index].credit == 1 && queue.oversized == 1)
        #expect(queue.sendTexts() == ["c"])
    }

    // MARK: Accepting

    @Test func acceptsSeveralAtOnce() throws {
        var queue = QueueHarness { $0.isDurable = true }
        for _ in 0..<3 { try queue.put(Message(body: "x", isDurable: true)) }
        let consumer = queue.join(credit: 2, maxUnsettled: 2)
        let slots = queue.send().compactMap(\.slot)
        queue.setCredit(5, of: consumer)
        queue.changes = []
        // Some twice, and some that were never given.
        queue.change { $0.settleAccepted(slots + slots + [77, -1], of: consumer, &$1) }
        #expect(queue.changes.count == 2 && queue.state.departures == 2)
        // There is room for what waited.
        #expect(queue.send().count == 1)
        #expect(queue.state.heldMessages == 1)
    }

    @Test func acceptingNothingMoreFreesNoConsumerTwice() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 1)
        try queue.put("a")
        let slot = try #require(queue.send().first?.slot)
        queue.leave(consumer, .accepted)
        queue.change { $0.settleAccepted([slot], of: consumer, &$1) }
        #expect(queue.join() != queue.join())
    }

    // MARK: Random batches

    /// One link sends some of each batch and gives the rest back: all messages come, in order. The argument is the seed.
    @Test(arguments: 0..<20 as Range<UInt64>) func batchesGivenBackKeepTheirOrder(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var queue = QueueHarness()
        let consumer = queue.join()
        var (count, credit): (Int, Int) = (0, 0)
        var taken: [String] = []
        while taken.count < 400 {
            for _ in 0..<Int.random(in: 0...90, using: &random) {
                try queue.put("\(count)")
                count += 1
            }
            credit += .random(in: 0...100, using: &random)
            queue.setCredit(credit, of: consumer)
            while case (.send, let outgoing) = queue.next(for: consumer) {
                let isPart = Bool.random(using: &random)
                let sent = isPart ? Int.random(in: 0...outgoing.count, using: &random) : outgoing.count
                taken += outgoing[..<sent].map(\.message.text)
                credit -= sent
                if sent < outgoing.count {
                    queue.setCredit(credit, of: consumer, unsent: Array(outgoing[sent...]), isBlocked: true)
                    break
                }
            }
        }
        #expect(taken == (0..<taken.count).map { "\($0)" }, "seed \(seed)")
    }
}
