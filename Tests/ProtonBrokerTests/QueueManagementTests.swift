// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// What requests to the management node do with the state of a queue.
struct QueueManagementTests {
    @Test func aPurgeTakesWhatNoConsumerHas() throws {
        var queue = QueueHarness { $0.isDurable = true }
        try queue.put(Message(body: "sent", isDurable: true))
        let consumer = queue.join(credit: 1)
        let sent = queue.send()
        #expect(sent.map(\.message.text) == ["sent"])
        // One is ready for the consumer's link, which has not come to send it.
        queue.setCredit(1, of: consumer)
        for text in ["ready", "waiting", "waiting too"] { try queue.put(Message(body: .init(text), isDurable: true)) }
        try queue.put(Message(body: "later", annotations: ["x-opt-delivery-delay": 1_000], isDurable: true))
        queue.changes = []
        #expect(queue.change { $0.purge(&$1) } == 4)
        #expect(queue.changes.count == 4 && queue.drops.isEmpty && queue.deadLetters.isEmpty)
        #expect(queue.state.heldMessages == 1 && queue.state.waitingCount == 0)
        #expect(queue.send().isEmpty)
        queue.pass(2_000)
        #expect(queue.send().isEmpty)
        // The consumer still has its credit.
        try queue.put("new")
        #expect(queue.sendTexts() == ["new"])
        queue.settle(sent[0], .released)
        #expect(queue.state.waitingCount == 1)
        #expect(queue.change { $0.purge(&$1) } == 1)
        #expect(queue.change { $0.purge(&$1) } == 0)
    }

    @Test func aPurgeLeavesBrowsersAndSelectorsAlone() throws {
        var queue = QueueHarness()
        _ = queue.join(Selection(isBrowser: true), credit: 10)
        for number in 0..<5 { try queue.put("\(number)") }
        _ = queue.send()
        #expect(queue.change { $0.purge(&$1) } == 5)
        try queue.put("new")
        #expect(queue.sendTexts() == ["new"])
        #expect(queue.takeAll() == ["new"])
    }

    @Test func producersGetTheRoomOfAPurge() throws {
        var queue = QueueHarness(limits: QueueLimits(messages: 2))
        let producer = queue.state.addProducer(maxWindow: 10)
        let bytes = try Message(body: "a").encoded()
        while queue.change({ $0.grant(producer, &$1) }) > 0 || queue.state.producers[0].credit > 0 {
            guard queue.put(bytes, from: producer) == nil else { break }
        }
        queue.grants = []
        #expect(queue.state.heldMessages == 2)
        #expect(queue.change { $0.purge(&$1) } == 2)
        #expect(queue.grants.count == 1)
    }

    @Test func newLimitsHoldFromNowOn() throws {
        var queue = QueueHarness(limits: QueueLimits(messages: 1, policy: .reject), isStored: true) {
            $0.isDurable = true
        }
        let bytes = try Message(body: "a").encoded()
        #expect(queue.put(bytes) == nil && queue.put(bytes) == .queueFull)
        var settings = queue.state.settings
        settings.limits = QueueLimits(messages: 2, policy: .dropOldest)
        settings.redelivery.maxDeliveries = 1
        queue.change { $0.update(settings, details: [1], &$1) }
        #expect(queue.changes == [.makeQueue(StoredQueue(id: 0, address: "q", details: [1]))])
        #expect(queue.state.settings.limits.policy == .reject)
        #expect(queue.put(bytes) == nil && queue.put(bytes) == .queueFull)
        let consumer = queue.join(credit: 1)
        queue.settle(queue.send()[0], .modified(deliveryFailed: true))
        #expect(queue.drops == [.deliveryLimit: 1])
        queue.leave(consumer)
    }
}
