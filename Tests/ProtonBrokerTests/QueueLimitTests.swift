// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// What a queue does at its limits, by each policy.
struct QueueLimitTests {
    @Test(
        arguments: [
            (.withholdCredit, ["0", "1", "2"], [:]), (.reject, ["0", "1", "2"], [:]),
            (.dropOldest, ["7", "8", "9"], [.limit: 7]),
        ] as [(QueueLimits.Policy, [String], [QueueEffects.DropReason: Int])])
    func keepsToItsLimits(
        policy: QueueLimits.Policy, texts: [String], drops: [QueueEffects.DropReason: Int]
    ) throws {
        var queue = QueueHarness(limits: QueueLimits(messages: 3, policy: policy))
        for number in 0..<10 {
            let refusal = queue.put(try Message(body: "\(number)").encoded())
            #expect(refusal == (policy == .dropOldest || number < 3 ? nil : .queueFull))
        }
        #expect(queue.takeAll() == texts)
        #expect(queue.drops == drops)
        #expect(queue.state.heldMessages == 0 && queue.state.heldBytes == 0)
    }

    /// A message counts with its memory, and what is not settled counts too.
    @Test func countsBytesUntilTheyAreSettled() throws {
        let size = 100 + QueuedMessage.overhead
        var queue = QueueHarness(limits: QueueLimits(bytes: 2 * size, policy: .reject))
        let bytes = [UInt8](repeating: 0, count: 100)
        #expect(queue.put(bytes) == nil && queue.put(bytes) == nil && queue.put(bytes) == .queueFull)
        #expect(queue.state.heldBytes == 2 * size)
        _ = queue.join(credit: 1)
        let sent = try #require(queue.send().first)
        #expect(queue.put(bytes) == .queueFull)
        queue.settle(sent)
        #expect(queue.put(bytes) == nil)
    }

    @Test func dropsNothingWhereThatMakesNoRoom() throws {
        var queue = QueueHarness(limits: QueueLimits(bytes: 1_000, policy: .dropOldest))
        queue.put([1])
        queue.put([UInt8](repeating: 2, count: 1_000))
        _ = queue.join(credit: 2)
        let sent = queue.send()
        try #require(sent.count == 2)
        queue.settle(sent[0], .released)
        // What the consumer has is more than the queue may hold, whatever waits.
        #expect(queue.put([3]) == .queueFull)
        #expect(queue.drops.isEmpty && queue.state.waitingCount == 1 && queue.state.heldMessages == 2)
        queue.settle(sent[1])
        #expect(queue.takeAll().count == 1)
    }

    @Test func dropsAsManyAsAreInTheWay() {
        var queue = QueueHarness(limits: QueueLimits(bytes: 1_000, policy: .dropOldest))
        for _ in 0..<9 { queue.put([1]) }
        queue.put([UInt8](repeating: 1, count: 500))
        #expect(queue.drops.isEmpty)
        #expect(queue.put([1]) == nil)
        #expect(queue.drops == [.limit: 5])
    }

    @Test(arguments: QueueLimits.Policy.allCases) func takesNothingWhereAllQueuesAreFull(policy: QueueLimits.Policy) {
        var queue = QueueHarness(limits: QueueLimits(policy: policy))
        queue.state.brokerHasRoom = false
        #expect(queue.put([1]) == .brokerFull)
        #expect(queue.state.heldMessages == 0 && queue.state.heldBytes == 0)
    }

    @Test func takesNothingDurableWhileTheStoreFails() throws {
        var queue = QueueHarness { $0.isDurable = true }
        queue.state.isStoreFailing = true
        #expect(queue.put(try Message(body: "a", isDurable: true).encoded()) == .storeFailing)
        #expect(queue.put(try Message(body: "a").encoded()) == nil)
        #expect(queue.changes.isEmpty)
        queue.state.isStoreFailing = false
        #expect(queue.put(try Message(body: "a", isDurable: true).encoded()) == nil)
        #expect(queue.changes.count == 2)
    }

    /// Dead letters are taken where senders would wait, and kept to the limits otherwise.
    @Test func takesDeadLetters() {
        let removal = StoreChange.remove(queue: 7, place: 8)
        for (policy, refusal) in [
            (.withholdCredit, nil), (.reject, .queueFull), (.dropOldest, nil),
        ] as [(QueueLimits.Policy, QueueRefusal?)] {
            var queue = QueueHarness(limits: QueueLimits(messages: 1, policy: policy))
            queue.put([1])
            let result = queue.change { $0.receiveDeadLetter([2], removal: removal, &$1) }
            #expect(result == refusal)
            #expect(queue.changes == [removal])
            #expect(queue.state.heldMessages == (policy == .withholdCredit ? 2 : 1))
        }
    }
}
