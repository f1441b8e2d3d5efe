// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// A message that comes while a consumer waits is given to it at once: that is as if it had waited in the queue.
struct QueueShortWayTests {
    @Test func aConsumerWithoutCreditGetsNothingThoughItStillStandsInTheLine() throws {
        var queue = QueueHarness()
        let (lost, blocked, served) = (queue.join(credit: 5), queue.join(credit: 5), queue.join(credit: 5))
        queue.setCredit(0, of: lost)
        queue.setCredit(5, of: blocked, isBlocked: true)
        #expect(Array(queue.state.line) == [lost, blocked, served])
        try queue.put("a")
        #expect(queue.send().map(\.consumer) == [served])
        queue.setCredit(0, of: served)
        try queue.put("b")
        #expect(queue.state.consumers.allSatisfy { $0.ready.isEmpty } && queue.state.waitingCount == 1)
    }

    @Test func aConsumerWhoseDrainHasEndedGetsNothing() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 5)
        queue.setCredit(5, of: consumer, isDraining: true)
        if case .endDrain = queue.next(for: consumer).step {} else { Issue.record("does not drain") }
        try queue.put("a")
        #expect(queue.state.consumers[consumer.index].ready.isEmpty && queue.state.messages.count == 1)
    }

    /// A consumer has as many unsettled messages as it may.
    @Test func aConsumerGetsNoMoreThanItMayHaveUnsettled() throws {
        var queue = QueueHarness()
        _ = queue.join(credit: 10, maxUnsettled: 2)
        try queue.put("a", "b", "c")
        #expect(queue.state.consumers[0].ready.count == 2 && queue.state.messages.count == 1)
    }

    @Test func messagesThatWereHeldBackGoBeforeWhatComesLater() throws {
        var queue = QueueHarness()
        _ = queue.join(credit: 10)
        try queue.put(
            Message(body: "a", annotations: ["x-opt-delivery-delay": 10]),
            Message(body: "b", annotations: ["x-opt-delivery-delay": 5]))
        // Nobody has told the queue yet.
        queue.clock.advance(by: .milliseconds(10))
        try queue.put("c")
        #expect(queue.sendTexts() == ["a", "b", "c"])
    }

    @Test func ofMessagesThatWereHeldBackTheUrgentGoFirst() throws {
        var queue = QueueHarness()
        _ = queue.join(credit: 10)
        for (text, priority, delay) in [("a", 1, 5), ("b", 9, 7), ("c", 4, 10)] as [(String, UInt8, Int32)] {
            try queue.put(
                Message(body: text, annotations: ["x-opt-delivery-delay": .int(delay)], priority: priority))
        }
        queue.pass(10)
        #expect(queue.sendTexts() == ["b", "c", "a"])
    }

    /// Also where somebody waits for each one that comes back.
    @Test func messagesWhoseDeliveryFailedComeBackInOrder() throws {
        var queue = QueueHarness {
            $0.redelivery = RedeliveryPolicy(delay: .milliseconds(10), maxDelay: .milliseconds(10))
        }
        let consumer = queue.join(credit: 100)
        try queue.put("a", "b", "c")
        for _ in 0..<3 {
            for sent in queue.send().reversed() { queue.settle(sent, .modified(deliveryFailed: true)) }
        }
        #expect(queue.state.times.delayedCount == 3)
        queue.pass(10)
        #expect(queue.sendTexts() == ["a", "b", "c"])
        #expect(queue.state.consumers[consumer.index].unsettledCount == 3)
    }

    @Test func urgentMessagesGoBeforeThoseThatWait() throws {
        var queue = QueueHarness()
        let consumer = queue.join(credit: 1)
        try queue.put(Message(body: "a", priority: 1), Message(body: "b", priority: 1), Message(body: "c", priority: 9))
        #expect(queue.sendTexts() == ["a"])
        queue.setCredit(5, of: consumer)
        #expect(queue.sendTexts() == ["c", "b"])
    }

    /// A browser that waits sees what comes before the consumer that waits behind it takes it.
    @Test func aBrowserInFrontOfAConsumerSeesWhatComes() throws {
        var queue = QueueHarness()
        let browser = queue.join(Selection(isBrowser: true), credit: 5)
        let consumer = queue.join(credit: 5)
        for text in ["a", "b"] {
            try queue.put(text)
            let sent = queue.send()
            #expect(sent.map(\.consumer) == [browser, consumer] && sent.allSatisfy { $0.message.text == text })
        }
    }

    @Test func messagesThatExpireAreNotedAlsoWhereSomebodyWaits() throws {
        var queue = QueueHarness()
        _ = queue.join(credit: 5)
        try queue.put(Message(body: "a", timeToLive: .milliseconds(5)), Message(body: "b"))
        queue.clock.advance(by: .milliseconds(5))
        #expect(queue.sendTexts() == ["b"] && queue.drops == [.expired: 1])
    }
}
