import AMQP
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
            queue.add(try Message(body: .value(.string(text)), priority: priority).encoded())
        }
        #expect(takeAll(&queue) == ["b", "d", "a", "e", "c"])
    }

    @Test func expiredMessagesAreDropped() throws {
        final class Clock { var time: Int64 = 1_000 }
        let clock = Clock()
        var queue = Queue<Consumer>(now: { clock.time })
        let times: [(String, Duration?)] = [
            ("a", .milliseconds(10)), ("b", nil), ("c", .milliseconds(5)), ("d", .seconds(50)),
        ]
        for (text, time) in times { queue.add(try Message(body: .value(.string(text)), timeToLive: time).encoded()) }
        let held = queue.heldBytes
        #expect(queue.dropExpired() == 0)
        clock.time += 5
        let size = queue.dropExpired()
        #expect(size > 0 && queue.heldBytes == held - size)
        #expect(queue.heldMessages == 3)
        // What a consumer has is dropped when it comes back.
        let consumer = Consumer()
        queue.setCredit(1, of: consumer)
        let sent = queue.next()
        let message = try #require(sent).1
        clock.time += 5
        #expect(queue.dropExpired() == 0)
        queue.settle(message, .returned(failed: false))
        #expect(queue.dropExpired() > 0)
        #expect(takeAll(&queue) == ["b", "d"])
        #expect(queue.heldBytes == 0)
    }

    @Test func forgetsTheTimesOfMessagesThatLeft() throws {
        var queue = Queue<Consumer>(now: { 0 })
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
        let bytes: [UInt8] = [0x00, 0x53, 0x70] + list + [0x00, 0x53, 0x77, 0x40]
        let message = try Message(decoding: bytes)
        let header = QueueingHeader(bytes)
        #expect(header.priority == message.priority)
        #expect(header.timeToLive.map { .milliseconds($0) } == message.timeToLive)
    }

    @Test func whatIsNoHeaderSaysNothing() {
        var random = SplitMix(state: 1)
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...16, using: &random)
            let rest = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = QueueingHeader([0x00, 0x53, 0x70, Bool.random(using: &random) ? 0xc0 : 0xd0] + rest)
        }
        #expect(QueueingHeader([0x00, 0x53, 0x70, 0xc0, 9, 3, 0x99]).priority == 4)
        #expect(QueueingHeader([]).timeToLive == nil)
    }
}
