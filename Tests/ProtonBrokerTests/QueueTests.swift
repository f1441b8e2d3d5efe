// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// The rules of a queue, one by one, without links.
struct QueueTests {
    @Test func sendsInTheOrderOfArrivalAsFarAsCreditGoes() throws {
        var queue = QueueHarness()
        try queue.put("a", "b", "c")
        let consumer = queue.join()
        #expect(queue.send().isEmpty)
        queue.setCredit(2, of: consumer)
        #expect(queue.sendTexts() == ["a", "b"])
        #expect(queue.state.waitingCount == 1 && queue.state.heldMessages == 3)
        queue.setCredit(5, of: consumer)
        try queue.put("d")
        #expect(queue.sendTexts() == ["c", "d"])
        #expect(queue.state.consumers[consumer.index].credit == 3)
    }

    @Test func givesToConsumersInTurn() throws {
        var queue = QueueHarness()
        let consumers = [queue.join(credit: 10), queue.join(credit: 1), queue.join(credit: 10)]
        try queue.put("1", "2", "3", "4", "5", "6", "7")
        var texts: [ConsumerID: [String]] = [:]
        for sent in queue.send() { texts[sent.consumer, default: []].append(sent.message.text) }
        #expect(consumers.map { texts[$0] } == [["1", "4", "6"], ["2"], ["3", "5", "7"]])
    }

    @Test(arguments: 2...9) func sharesEvenlyAmongThoseWhoAlwaysHaveCredit(count: Int) throws {
        var queue = QueueHarness()
        let consumers = (0..<count).map { _ in queue.join(credit: 1_000) }
        var shares: [ConsumerID: Int] = [:]
        for _ in 0..<500 {
            queue.put([])
            for sent in queue.send() {
                shares[sent.consumer, default: 0] += 1
                queue.settle(sent)
            }
        }
        #expect(shares.values.reduce(0, +) == 500)
        #expect(consumers.allSatisfy { abs(shares[$0, default: 0] - 500 / count) <= 1 })
    }

    /// What is ready for a consumer is no more than its credit: the rest is for others.
    @Test func takesBackCreditThatAConsumerLost() throws {
        var queue = QueueHarness()
        let (first, second) = (queue.join(credit: 3), queue.join())
        try queue.put("a", "b", "c")
        #expect(queue.state.consumers[first.index].ready.count == 3)
        queue.setCredit(1, of: first)
        queue.setCredit(5, of: second)
        #expect(queue.send().map { [$0.consumer.index: $0.message.text] } == [[0: "a"], [1: "b"], [1: "c"]])
        queue.setCredit(0, of: second)
        try queue.put("d")
        #expect(queue.send().isEmpty && queue.state.waitingCount == 1)
    }

    @Test func giveWhatABlockedConsumerHadToOthers() throws {
        var queue = QueueHarness()
        let (first, second) = (queue.join(credit: 5), queue.join())
        try queue.put("a", "b")
        queue.setCredit(5, of: first, isBlocked: true)
        queue.setCredit(1, of: second)
        #expect(queue.send().map { [$0.consumer.index: $0.message.text] } == [[1: "a"]])
        queue.setCredit(5, of: first)
        #expect(queue.sendTexts() == ["b"])
    }

    /// More messages than are made ready at a time, none of which is settled.
    @Test func servesAConsumerThatSettlesLate() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 1_000)
        for _ in 0..<128 { queue.put([]) }
        #expect(queue.send().count == 128)
        for _ in 0..<200 { queue.put([]) }
        #expect(queue.send().count == 200)
        #expect(queue.state.consumers[consumer.index].unsettledCount == 328)
    }

    @Test func sendsNoMoreThanMayBeUnsettled() throws {
        var queue = QueueHarness()
        _ = queue.join(credit: 10, maxUnsettled: 2)
        try queue.put("a", "b", "c", "d")
        let sent = queue.send()
        #expect(sent.map(\.message.text) == ["a", "b"])
        queue.settle(sent[1])
        #expect(queue.sendTexts() == ["c"])
    }

    @Test(
        arguments: [
            (.accepted, nil), (.rejected(nil), nil), (.released, 0), (.modified(deliveryFailed: true), 1),
            (.modified(deliveryFailed: false), 0),
        ] as [(Outcome, UInt32?)])
    func endsAMessageAsItsOutcomeSays(_ outcome: Outcome, _ failures: UInt32?) throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 1)
        try queue.put("a", "b")
        let sent = try #require(queue.send().first)
        queue.settle(sent, outcome)
        // It has an outcome only once.
        queue.settle(sent, outcome)
        queue.setCredit(1, of: consumer)
        let next = try #require(queue.send().first).message
        #expect(next.text == (failures == nil ? "b" : "a"))
        #expect(next.failures == failures ?? 0)
        #expect(queue.state.heldMessages == (failures == nil ? 1 : 2))
        #expect(queue.drops == (outcome == .rejected(nil) ? [.rejected: 1] : [:]))
    }

    @Test(arguments: [false, true]) func givesBackWhatAConsumerHadInOrder(failed: Bool) throws {
        var queue = QueueHarness()
        let (gone, other) = (queue.join(credit: 3), queue.join(credit: 1))
        try queue.put("a", "b", "c", "d", "e", "f")
        // a to the first, b to the other, then c and d to the first.
        #expect(queue.send().count == 4)
        queue.leave(gone, failed ? .modified(deliveryFailed: true) : .released)
        queue.setCredit(10, of: other)
        let rest = queue.send().map(\.message)
        #expect(rest.map(\.text) == ["a", "c", "d", "e", "f"])
        #expect(rest.map(\.failures) == (failed ? [1, 1, 1, 0, 0] : [0, 0, 0, 0, 0]))
    }

    @Test func forgetsAConsumerThatIsInLine() throws {
        var queue = QueueHarness()
        let (gone, other) = (queue.join(credit: 5), queue.join(credit: 5))
        queue.leave(gone)
        try queue.put("a")
        #expect(queue.send().map(\.consumer) == [other])
        // Its number is free for the next.
        #expect(queue.join() == gone)
    }

    @Test func countsFailuresUpToTheLargest() throws {
        var message = QueuedMessage(bytes: try Message(body: "a").encoded(), position: 0)
        message.failures = .max
        var queue = QueueHarness()
        queue.change {
            $0.restore(
                StoredMessage(
                    queue: 0, place: message.place, arrival: Timestamp(milliseconds: 0), bytes: message.bytes,
                    details: message.details), &$1)
        }
        let consumer = queue.join(credit: 1)
        let sent = try #require(queue.send().first)
        #expect(sent.message.failures == .max)
        queue.settle(sent, .modified(deliveryFailed: true))
        queue.setCredit(1, of: consumer)
        #expect(queue.send().first?.message.failures == .max)
    }

    // MARK: Draining

    @Test func answersADrainOnceAllThatThereIsWasSent() throws {
        var queue = QueueHarness()
        try queue.put("a", "b")
        let consumer = queue.join()
        queue.setCredit(5, of: consumer, isDraining: true)
        #expect(queue.woken == [consumer])
        var steps: [String] = []
        while true {
            let (step, outgoing) = queue.next(for: consumer)
            steps += outgoing.map(\.message.text)
            switch step {
            case .send: continue
            case .endDrain:
                steps.append("drained")
                continue
            case .wait: break
            }
            break
        }
        #expect(steps == ["a", "b", "drained"])
        try queue.put("c")
        #expect(queue.send().isEmpty && queue.state.consumers[consumer.index].credit == 0)
    }

    @Test func answersADrainThatTheLimitOfUnsettledMessagesStops() throws {
        var queue = QueueHarness()
        try queue.put("a", "b")
        let consumer = queue.join(maxUnsettled: 1)
        queue.setCredit(5, of: consumer, isDraining: true)
        #expect(queue.sendTexts() == ["a"])
        #expect(!queue.state.consumers[consumer.index].isDraining)
        #expect(queue.state.consumers[consumer.index].credit == 0 && queue.state.waitingCount == 1)
    }

    /// The peer asks for a drain while the socket takes no more: the link does nothing then, and all once it may send.
    @Test func wakesALinkThatWasBlockedWhenADrainCame() throws {
        var queue = QueueHarness()
        let consumer = queue.join()
        queue.setCredit(5, of: consumer, isBlocked: true, isDraining: true)
        #expect(queue.woken.isEmpty)
        try queue.put("a")
        queue.setCredit(5, of: consumer, isDraining: true)
        #expect(queue.sendTexts() == ["a"])
        #expect(queue.state.consumers[consumer.index].credit == 0)
    }

    // MARK: Redelivery

    @Test func redeliversLaterEachTimeAndThenNoMore() throws {
        var queue = QueueHarness {
            $0.redelivery = RedeliveryPolicy(maxDeliveries: 6, delay: .milliseconds(100), maxDelay: .milliseconds(300))
            $0.deadLetterAddress = "dead"
        }
        _ = queue.join(credit: 100)
        try queue.put("a")
        // How long it waits after each failure.
        for wait in [0, 0, 100, 200, 300] {
            let sent = try #require(queue.send().first)
            queue.settle(sent, .modified(deliveryFailed: true))
            if wait > 0 {
                queue.pass(wait - 1)
                #expect(queue.send().isEmpty && queue.state.waitingCount == 1)
                queue.pass(1)
            }
        }
        let last = try #require(queue.send().first)
        queue.settle(last, .modified(deliveryFailed: true))
        #expect(queue.send().isEmpty && queue.state.heldMessages == 0 && queue.state.heldBytes == 0)
        #expect(queue.deadLetters.map(\.reason) == [.deliveryLimit(6)])
        #expect(queue.deadLetters.map(\.message.failures) == [6])
    }
}
