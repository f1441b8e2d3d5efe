import Testing

@testable import ProtonBroker

/// The queue's rules, one by one.
struct QueueTests {
    private func makeQueue(_ texts: String..., limits: QueueLimits = QueueLimits()) -> Queue<Consumer> {
        var queue = Queue<Consumer>(limits: limits)
        for text in texts { queue.add(Array(text.utf8)) }
        return queue
    }

    /// Sends everything that can be sent; what each consumer got, as texts, in order.
    private func dispatch(_ queue: inout Queue<Consumer>) -> [(consumer: Consumer, text: String)] {
        var sent: [(Consumer, String)] = []
        var slots: [ObjectIdentifier: Int] = [:]
        while let (consumer, message) = queue.next() {
            let slot = slots[ObjectIdentifier(consumer), default: consumer.unsettledCount]
            slots[ObjectIdentifier(consumer)] = slot + 1
            consumer.hold(message, in: slot)
            sent.append((consumer, message.text))
        }
        return sent
    }

    @Test func sendsInTheOrderOfArrivalAsFarAsCreditGoes() {
        var queue = makeQueue("a", "b", "c")
        let consumer = Consumer()
        #expect(dispatch(&queue).isEmpty)
        queue.setCredit(2, of: consumer)
        #expect(dispatch(&queue).map(\.text) == ["a", "b"])
        #expect(queue.waitingCount == 1)
        #expect(queue.heldMessages == 3)
        queue.setCredit(5, of: consumer)
        queue.add(Array("d".utf8))
        #expect(dispatch(&queue).map(\.text) == ["c", "d"])
        #expect(consumer.credit == 3)
    }

    @Test func givesToConsumersInTurn() {
        var queue = makeQueue("1", "2", "3", "4", "5", "6", "7")
        let (first, second, third) = (Consumer(), Consumer(), Consumer())
        queue.setCredit(10, of: first)
        queue.setCredit(1, of: second)
        queue.setCredit(10, of: third)
        let turns = dispatch(&queue).map { turn in [first, second, third].firstIndex { $0 === turn.consumer } }
        #expect(turns == [0, 1, 2, 0, 2, 0, 2])
    }

    @Test func takesBackCreditThatAConsumerLost() {
        var queue = makeQueue("a", "b")
        let (first, second) = (Consumer(), Consumer())
        queue.setCredit(5, of: first)
        queue.setCredit(5, of: second)
        queue.setCredit(0, of: first)
        #expect(dispatch(&queue).allSatisfy { $0.consumer === second })
        queue.setCredit(1, of: first)
        queue.setCredit(0, of: second)
        queue.add([])
        #expect(dispatch(&queue).map { $0.consumer === first } == [true])
    }

    @Test(
        arguments: [
            (Disposal.removed, nil), (.returned(failed: false), 0), (.returned(failed: true), 1),
        ] as [(Disposal, UInt32?)])
    func endsAMessageAsItsOutcomeSays(_ disposal: Disposal, _ failures: UInt32?) throws {
        var queue = makeQueue("a", "b")
        let consumer = Consumer()
        queue.setCredit(1, of: consumer)
        #expect(dispatch(&queue).map(\.text) == ["a"])
        let taken = consumer.take(0)
        queue.settle(try #require(taken), disposal)
        #expect(consumer.take(0) == nil)
        queue.setCredit(1, of: consumer)
        let sent = queue.next()
        let next = try #require(sent).1
        #expect(next.text == (failures == nil ? "b" : "a"))
        #expect(next.failures == failures ?? 0)
        #expect(queue.heldMessages == (failures == nil ? 1 : 2))
        #expect(queue.heldBytes == queue.heldMessages)
    }

    @Test(arguments: [false, true])
    func givesBackWhatAConsumerHadInOrder(failed: Bool) {
        var queue = makeQueue("a", "b", "c", "d", "e", "f")
        let (gone, other) = (Consumer(), Consumer())
        queue.setCredit(3, of: gone)
        queue.setCredit(1, of: other)
        // a to the first, b to the other, then c and d to the first.
        #expect(dispatch(&queue).count == 4)
        queue.remove(gone, failed: failed)
        #expect(gone.unsettledCount == 0)
        queue.setCredit(10, of: other)
        var rest: [QueuedMessage] = []
        while let (_, message) = queue.next() { rest.append(message) }
        #expect(rest.map(\.text) == ["a", "c", "d", "e", "f"])
        #expect(rest.map(\.failures) == (failed ? [1, 1, 1, 0, 0] : [0, 0, 0, 0, 0]))
    }

    @Test func forgetsAConsumerThatIsInLine() {
        var queue = makeQueue("a")
        let (gone, other) = (Consumer(), Consumer())
        queue.setCredit(5, of: gone)
        queue.setCredit(5, of: other)
        queue.remove(gone, failed: false)
        #expect(dispatch(&queue).map { $0.consumer === other } == [true])
    }

    @Test func countsFailuresUpToTheLargest() throws {
        var queue = makeQueue()
        queue.add([1])
        let consumer = Consumer()
        queue.setCredit(2, of: consumer)
        let sent = queue.next()
        var message = try #require(sent).1
        message.failures = .max
        queue.settle(message, .returned(failed: true))
        let sentAgain = queue.next()
        #expect(sentAgain?.1.failures == .max)
    }

    // MARK: Limits

    @Test func givesNoMoreCreditThanThereIsRoomFor() {
        var queue = makeQueue(limits: QueueLimits(messages: 8))
        #expect(queue.allowance(of: 5) == 5)
        for _ in 0..<6 { queue.add([0]) }
        #expect(queue.allowance(of: 5) == 2)
        #expect(queue.hasRoomAgain)
        for _ in 0..<2 { queue.add([0]) }
        #expect(queue.allowance(of: 5) == 0)
        #expect(!queue.hasRoomAgain)
    }

    @Test func withholdsCreditWhileItHoldsTooManyBytes() throws {
        var queue = makeQueue(limits: QueueLimits(messages: 100, bytes: 400))
        queue.add([UInt8](repeating: 0, count: 399))
        #expect(queue.allowance(of: 5) == 5)
        queue.add([0])
        #expect(queue.allowance(of: 5) == 0)
        // What is not settled counts as well.
        let consumer = Consumer()
        queue.setCredit(2, of: consumer)
        let sent = queue.next()
        let message = try #require(sent).1
        #expect(queue.allowance(of: 5) == 0)
        queue.settle(message, .removed)
        #expect(queue.allowance(of: 5) == 5)
        #expect(queue.hasRoomAgain)
    }

    @Test(arguments: [QueueLimits(messages: 3), QueueLimits(bytes: 3)])
    func takesTwiceItsLimitAndNoMore(limits: QueueLimits) {
        var queue = makeQueue(limits: limits)
        for _ in 0..<6 { queue.add([0]) }
        let wasTaken = queue.enqueue([0])
        #expect(!wasTaken)
        #expect(queue.heldMessages == 6)
    }
}

extension Queue {
    /// Puts a message in that the queue must take.
    mutating func add(_ bytes: [UInt8]) {
        let isTaken = enqueue(bytes)
        #expect(isTaken)
    }
}

extension QueuedMessage {
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
