import AMQP
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a message's header does in a queue: urgent messages go first, and those that are of no use any more are dropped.
struct QueueOrderTests {
    /// Everything that one consumer gets, as texts.
    private func takeAll(_ queue: inout Queue<Consumer>) -> [String] {
        let consumer = Consumer()
        queue.setCredit(100, of: consumer)
        var texts: [String] = []
        while let (_, message) = queue.next() {
            texts.append((try? Message(decoding: message.bytes).text) ?? "")
            queue.settle(message, .removed)
        }
        queue.remove(consumer, failed: false)
        return texts
    }

    @Test func urgentMessagesGoFirst() throws {
        var queue = Queue<Consumer>()
        for (text, priority) in [("a", 4), ("b", 9), ("c", 0), ("d", 9), ("e", 4)] as [(String, UInt8)] {
            queue.add(try Message(body: text, priority: priority).encoded())
        }
        #expect(takeAll(&queue) == ["b", "d", "a", "e", "c"])
    }

    @Test func expiredMessagesAreDropped() throws {
        let clock = TestClock()
        var queue = Queue<Consumer>(clock: QueueClock(clock))
        let times: [(String, Duration?)] = [
            ("a", .milliseconds(10)), ("b", nil), ("c", .milliseconds(5)), ("d", .seconds(50)),
        ]
        for (text, time) in times { queue.add(try Message(body: text, timeToLive: time).encoded()) }
        let held = queue.heldBytes
        queue.advance()
        #expect(queue.dropped.isEmpty && queue.nextTime == 5)
        clock.advance(by: .milliseconds(5))
        queue.advance()
        #expect(queue.dropped.count == 1 && queue.heldBytes == held - queue.dropped[0].bytes.count)
        #expect(queue.heldMessages == 3 && queue.departures == 1)
        // What a consumer has is dropped when it comes back.
        let consumer = Consumer()
        queue.setCredit(1, of: consumer)
        let sent = queue.next()
        let message = try #require(sent).1
        clock.advance(by: .milliseconds(5))
        queue.advance()
        #expect(queue.dropped.count == 1)
        queue.settle(message, .returned(failed: false))
        queue.advance()
        #expect(queue.dropped.count == 2)
        #expect(takeAll(&queue) == ["b", "d"])
        #expect(queue.heldBytes == 0)
    }

    @Test func messagesWaitForTheirTime() throws {
        let clock = TestClock()
        var queue = Queue<Consumer>(clock: QueueClock(clock))
        let now = QueueClock(clock).timeOfDay
        let annotations: [(String, Annotations)] = [
            ("a", ["x-opt-delivery-delay": 50]), ("b", [:]), ("c", ["x-opt-delivery-time": .long(now + 20)]),
            ("d", ["x-opt-scheduled-enqueue-time": .timestamp(Timestamp(milliseconds: now + 1_000))]),
            ("e", ["x-opt-delivery-delay": -3]), ("f", ["x-opt-delivery-time": .long(.min)]),
            ("g", ["x-opt-delivery-delay": .long(.max)]), ("h", ["x-opt-other": 1]),
        ]
        for (text, annotations) in annotations {
            queue.add(try Message(body: text, annotations: annotations).encoded())
        }
        #expect(queue.waitingCount == 8)
        #expect(takeAll(&queue) == ["b", "e", "f", "h"])
        clock.advance(by: .milliseconds(21))
        queue.advance()
        #expect(takeAll(&queue) == ["c"])
        clock.advance(by: .milliseconds(980))
        queue.advance()
        #expect(takeAll(&queue) == ["a", "d"], "each has its place by its arrival")
        #expect(queue.waitingCount == 1)
    }

    /// What a queue does at its limits, by the texts that it holds in the end.
    @Test(
        arguments: [
            (.withholdCredit, ["0", "1", "2", "3", "4", "5"], 0), (.reject, ["0", "1", "2"], 10),
            (.dropOldest, ["7", "8", "9"], 10),
        ] as [(QueueLimits.Policy, [String], Int)])
    func keepsToItsLimits(policy: QueueLimits.Policy, texts: [String], allowance: Int) throws {
        var queue = Queue<Consumer>(limits: QueueLimits(messages: 3, policy: policy))
        for number in 0..<10 { _ = queue.enqueue(try Message(body: "\(number)").encoded()) }
        #expect(queue.allowance(of: 10) == allowance)
        #expect(takeAll(&queue) == texts)
        #expect(queue.heldMessages == 0 && queue.heldBytes == 0)
    }

    @Test func dropsNothingWhereThatMakesNoRoom() throws {
        var queue = Queue<Consumer>(limits: QueueLimits(bytes: 10, policy: .dropOldest))
        let consumer = Consumer()
        queue.add([1])
        queue.add(Array(repeating: 2, count: 12))
        queue.setCredit(2, of: consumer)
        let small = queue.next()?.1
        let large = queue.next()?.1
        queue.settle(try #require(small), .returned(failed: false))
        // What the consumer has is more than the queue may hold, whatever waits.
        let isTaken = queue.reserve(1)
        #expect(!isTaken && queue.dropped.isEmpty && queue.departures == 0)
        #expect(queue.waitingCount == 1 && queue.heldMessages == 2 && queue.heldBytes == 13)
        queue.settle(try #require(large), .removed)
        #expect(takeAll(&queue).count == 1)
    }

    @Test func forgetsTheTimesOfMessagesThatLeft() throws {
        var queue = Queue<Consumer>(clock: QueueClock(TestClock()))
        let bytes = try Message(body: "x", timeToLive: .seconds(60)).encoded()
        for _ in 0..<5_000 {
            queue.add(bytes)
            #expect(takeAll(&queue).count == 1)
        }
        #expect(queue.heldMessages == 0)
    }

    /// A header as it stands in the first bytes of a message, against what decoding finds.
    @Test(
        arguments: [
            [0x45], [0xc0, 1, 0], [0xc0, 2, 1, 0x41], [0xc0, 3, 1, 0x56, 1], [0xc0, 4, 2, 0x42, 0x50, 7],
            [0xc0, 4, 2, 0x40, 0x50, 255], [0xc0, 4, 3, 0x40, 0x40, 0x43], [0xc0, 5, 3, 0x40, 0x40, 0x52, 9],
            [0xc0, 9, 3, 0x41, 0x50, 1, 0x70, 0, 1, 2, 3], [0xc0, 7, 5, 0x41, 0x50, 3, 0x40, 0x41, 0x43],
            [0xd0, 0, 0, 0, 8, 0, 0, 0, 3, 0x41, 0x50, 9, 0x43], [0xd0, 0, 0, 0, 4, 0, 0, 0, 0],
        ] as [[UInt8]])
    func readsTheHeader(_ list: [UInt8]) throws {
        // The descriptor in its three forms (AMQP 1.0, 1.1.2 and 3.2.1).
        let descriptors: [[UInt8]] = [
            [0x53, 0x70], [0x80, 0, 0, 0, 0, 0, 0, 0, 0x70], [0xa3, 16] + Array("amqp:header:list".utf8),
        ]
        for descriptor in descriptors {
            let bytes: [UInt8] = [0x00] + descriptor + list + [0x00, 0x53, 0x77, 0x40]
            let message = try Message(decoding: bytes)
            let header = QueueingHeader(bytes)
            #expect(header.isDurable == message.isDurable)
            #expect(header.priority == message.priority)
            #expect(header.timeToLive.map { .milliseconds($0) } == message.timeToLive)
        }
    }

    /// Sections in front of the body, and whether annotations may be among them.
    @Test(
        arguments: [
            ([], false), ([0x00, 0x53, 0x70, 0x45], false), ([0x00, 0x53, 0x70, 0xc0, 2, 1, 0x41], false),
            ([0x00, 0x53, 0x72, 0xc1, 1, 0], true), ([0x00, 0x53, 0x71, 0xc1, 1, 0], true),
            ([0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x72, 0xc1, 1, 0], true),
            ([0x00, 0x53, 0x70, 0xc0, 2, 1, 0x41, 0x00, 0x53, 0x72, 0xc1, 1, 0], true),
            ([0x00, 0x53, 0x70, 0x45, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x72, 0xc1, 1, 0], true),
            ([0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x72, 0xc1, 1, 0], true), ([0x00, 0x53, 0x73, 0x45], false),
        ] as [([UInt8], Bool)])
    func seesAnnotations(_ sections: [UInt8], _ hasAnnotations: Bool) throws {
        let bytes = sections + [0x00, 0x53, 0x77, 0x40]
        _ = try Message(decoding: bytes)
        #expect(QueueingHeader(bytes).mayHaveAnnotations == hasAnnotations)
    }

    @Test func whatIsNoHeaderSaysNothing() {
        var random = SplitMix(state: 1)
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...16, using: &random)
            let rest = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = QueueingHeader([0x00, 0x53, 0x70, Bool.random(using: &random) ? 0xc0 : 0xd0] + rest)
            _ = QueueingHeader([0x00] + rest)
        }
        #expect(QueueingHeader([0x00, 0x53, 0x70, 0xc0, 9, 3, 0x99]).priority == 4)
        #expect(QueueingHeader([]).timeToLive == nil)
    }
}
