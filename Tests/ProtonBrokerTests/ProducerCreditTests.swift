// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// The credit that a queue gives its producers: room that is kept for them.
struct ProducerCreditTests {
    /// What a message without bytes takes.
    private static let size = QueuedMessage.overhead

    private func harness(messages: Int = 1_000_000, bytes: Int = .max / 4) -> QueueHarness {
        QueueHarness(limits: QueueLimits(messages: messages, bytes: bytes))
    }

    private func join(_ queue: inout QueueHarness, maxWindow: Int = 1_000) -> (id: ProducerID, credit: Int) {
        let id = queue.state.addProducer(maxWindow: maxWindow)
        return (id, queue.change { $0.grant(id, &$1) })
    }

    @Test func widensTheWindowOfAProducerThatUsesIt() {
        var queue = harness()
        var (producer, credit) = join(&queue, maxWindow: 200)
        #expect(credit == 32)
        var most = 0
        for _ in 0..<1_000 {
            let result = queue.change { $0.receive([], MessagePrefix([]), from: producer, &$1) }
            #expect(result.refusal == nil)
            credit += result.grant - 1
            most = max(most, credit)
            #expect(queue.state.promisedMessages == credit)
        }
        #expect(most == 200)
    }

    @Test func sharesTheRoomAmongManyProducers() {
        var queue = harness(messages: 100)
        let credits = (0..<20).map { _ in join(&queue).credit }
        #expect(credits.reduce(0, +) == queue.state.promisedMessages)
        #expect(queue.state.promisedMessages <= 100)
        #expect(Array(credits.prefix(4)) == [32, 32, 18, 9])
        #expect(credits.prefix(8).allSatisfy { $0 > 0 })
    }

    /// 600 producers with messages of 1 MiB, each with its first credit: all of them are taken.
    @Test func takesWhatComesWithinCredit() {
        var queue = QueueHarness()
        let producers = (0..<600).map { _ in join(&queue) }
        let bytes = [UInt8](repeating: 0, count: 1_024 * 1_024)
        for (producer, credit) in producers where credit > 0 {
            let refusal = queue.put(bytes, from: producer)
            #expect(refusal == nil)
        }
        // One without credit is refused.
        let idle = producers.first { $0.credit == 0 }
        #expect(queue.put(bytes, from: idle?.id) == (idle == nil ? nil : .queueFull))
        #expect(queue.state.promisedMessages >= 0 && queue.state.promisedBytes >= 0)
    }

    @Test func takesOneMessageThatIsLargerThanTheQueue() {
        var queue = harness(bytes: 1_000)
        let (producer, credit) = join(&queue)
        #expect(credit == 1)
        #expect(queue.put([UInt8](repeating: 0, count: 5_000), from: producer) == nil)
        #expect(queue.grants.isEmpty)
        #expect(queue.takeAll().count == 1)
        #expect(queue.grants.map(\.count) == [1])
    }

    /// A producer that has none hears when a quarter of the queue is free.
    @Test func givesCreditOnceAQuarterIsFree() throws {
        var queue = harness(messages: 8)
        let (producer, credit) = join(&queue, maxWindow: 8)
        #expect(credit == 4)
        var left = credit
        while left > 0 {
            let result = queue.change { $0.receive([], MessagePrefix([]), from: producer, &$1) }
            #expect(result.refusal == nil)
            left += result.grant - 1
        }
        #expect(queue.state.heldMessages >= 6)
        let consumer = queue.join(credit: 100)
        var sent = queue.send()
        while queue.state.heldMessages > 7 { queue.settle(sent.removeLast()) }
        #expect(queue.grants.isEmpty)
        queue.settle(sent.removeLast())
        #expect(queue.grants.map(\.count) == [1])
        queue.leave(consumer)
    }

    @Test func asksForCreditThatIsNotUsedWhileOthersWait() throws {
        var queue = harness(messages: 8)
        let (idle, credit) = join(&queue, maxWindow: 8)
        #expect(credit == 4)
        for _ in 0..<4 { #expect(queue.put([]) == nil) }
        let waiting = join(&queue)
        #expect(waiting.credit == 0 && queue.wakeTime == 1_000)
        queue.pass(999)
        #expect(queue.returns.isEmpty)
        queue.pass(1)
        #expect(queue.returns == [idle])
        #expect(queue.takeAll().count == 4)
        queue.grants = []
        queue.change { $0.noteReturn(of: idle, credit: 0, &$1) }
        #expect(queue.grants.map(\.producer).contains(waiting.id) || queue.state.producers[waiting.id.index].credit > 0)
    }

    @Test func aProducerThatLeavesFreesItsRoom() {
        var queue = harness(messages: 8)
        let first = join(&queue, maxWindow: 8)
        for _ in 0..<4 { #expect(queue.put([]) == nil) }
        let second = join(&queue)
        #expect(second.credit == 0)
        #expect(queue.takeAll().count == 4)
        queue.grants = []
        queue.change { $0.removeProducer(first.id, &$1) }
        #expect(queue.state.promisedMessages == queue.state.producers[second.id.index].credit)
        #expect(queue.state.promisedMessages > 0)
        queue.change { $0.removeProducer(second.id, &$1) }
        #expect(queue.state.promisedMessages == 0 && queue.state.promisedBytes == 0)
    }

    /// What expires while it is ready for a consumer that is blocked frees room as well.
    @Test func givesCreditWhereMessagesExpireThatComeBack() throws {
        var queue = harness(messages: 2)
        let (producer, credit) = join(&queue, maxWindow: 1)
        #expect(credit == 1)
        let consumer = queue.join(credit: 10)
        let bytes = try Message(body: "a", timeToLive: .milliseconds(5)).encoded()
        #expect(queue.put(bytes) == nil)
        #expect(queue.put(bytes, from: producer) == nil)
        #expect(queue.grants.isEmpty && queue.state.heldMessages == 2)
        queue.pass(5)
        #expect(queue.state.heldMessages == 2, "a consumer may still send it")
        queue.setCredit(10, of: consumer, isBlocked: true)
        #expect(queue.state.heldMessages == 0)
        #expect(queue.grants.map(\.count) == [1])
    }

    /// Messages within credit are taken also in transactions, and their room is kept.
    @Test func keepsRoomForTransactions() {
        var queue = harness(messages: 2)
        let (producer, credit) = join(&queue)
        #expect(credit == 1)
        let result = queue.change { $0.reserve([], from: producer, &$1) }
        #expect(result.refusal == nil && queue.state.heldMessages == 1)
        #expect(queue.state.waitingCount == 0)
        #expect(queue.put([]) == (result.grant == 0 ? nil : .queueFull))
        queue.change { $0.unreserve([], &$1) }
        #expect(queue.state.heldBytes == (result.grant == 0 ? Self.size : 0))
    }
}
