// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What the broker says in its log of limits that are reached.
struct LimitLogTests {
    @Test func saysALimitOnceInTenSeconds() {
        let (lines, clock) = (LogLines(), TestClock())
        let log = LimitLog(QueueClock(clock), logger: Logger(label: "test") { _ in lines })
        for _ in 0..<5 { log.note(.message, "It is full.", address: "q") }
        #expect(lines.lines == ["warning rejected a message: It is full. address=q"])
        // Another kind is not held back by that one.
        log.note(.credit, "It is full.", address: nil)
        #expect(lines.lines.count == 2 && lines.lines.last == "info gives no more credit: It is full.")
        clock.advance(by: .milliseconds(9_999))
        log.note(.message, "It is full.", address: "q")
        #expect(lines.lines.count == 2)
        clock.advance(by: .milliseconds(1))
        log.note(.message, "It is full.", address: "other\n")
        log.note(.message, "It is full.", address: "q")
        #expect(lines.lines.count == 3)
        #expect(lines.lines.last == #"warning rejected a message: It is full. address=other\u{A} alike=5"#)
    }

    /// What queues share, with the log lines that are kept.
    private func context(_ lines: LogLines, _ change: (inout BrokerOptions) -> Void = { _ in }) throws -> BrokerContext
    {
        var options = BrokerOptions()
        options.logger = Logger(label: "test") { _ in lines }
        change(&options)
        return try BrokerContext(options, clock: QueueClock(TestClock()))
    }

    private func queue(
        _ limits: QueueLimits, _ context: BrokerContext, kind: Queue.Kind = .named(isExclusive: false)
    ) -> Queue {
        Queue(QueueSettings(address: "orders", limits: limits), kind: kind, context: context)
    }

    @Test func saysThatAQueueDropsMessages() throws {
        let lines = LogLines()
        let queue = queue(QueueLimits(messages: 3, policy: .dropOldest), try context(lines))
        for byte in UInt8(0)..<3 { _ = try queue.receive([byte]) }
        #expect(lines.lines.isEmpty)
        _ = try queue.receive([3])
        #expect(lines.lines == ["warning dropped the oldest message: The queue is full. address=orders"])
        #expect(queue.status.removed == 1)
    }

    @Test func saysHowManyMessagesAreDroppedAtOnce() throws {
        let lines = LogLines()
        let queue = queue(QueueLimits(bytes: 1_000, policy: .dropOldest), try context(lines))
        for _ in 0..<9 { _ = try queue.receive([1]) }
        _ = try queue.receive(Array(repeating: 1, count: 500))
        #expect(lines.lines.isEmpty)
        _ = try queue.receive([1])
        #expect(lines.lines == ["warning dropped the oldest message: The queue is full. address=orders alike=4"])
    }

    @Test func saysThatASlowSubscriberLosesMessages() throws {
        let lines = LogLines()
        let kind = Queue.Kind.subscription(Subscription(to: "topic/*", nil, isDurable: false))
        let queue = queue(QueueLimits(messages: 2, policy: .dropOldest), try context(lines), kind: kind)
        for _ in 0..<5 {
            _ = try queue.reserve([1], from: nil)
            _ = queue.receiveReserved([1])
        }
        #expect(lines.lines == ["warning dropped the oldest message: Its subscriber is too slow. address=topic/*"])
    }

    @Test func saysThatDeadLettersHaveNoPlace() throws {
        let lines = LogLines()
        let context = try context(lines) {
            $0.queueLimits = QueueLimits(messages: 1, policy: .reject)
            $0.deadLetterAddress = "dead"
        }
        let queue = try context.table.use("orders", by: nil, context)
        let message = QueuedMessage(bytes: try Message(body: "a").encoded(), position: 0)
        context.deadLetter(message, from: queue, .rejected(nil))
        #expect(lines.lines.isEmpty)
        for _ in 0..<3 { context.deadLetter(message, from: queue, .rejected(nil)) }
        #expect(
            lines.lines == [
                "warning dropped a message that was rejected: The queue is full: send again later. address=orders"
            ])
    }

    @Test(arguments: [
        ("orders", "orders"), ("a 'b' \"c\"", "a 'b' \"c\""), ("a\\b", #"a\\b"#),
        ("a\nb\u{1B}[1m", #"a\u{A}b\u{1B}[1m"#),
        ("größe\u{202E}", #"gr\u{F6}\u{DF}e\u{202E}"#), ("\u{7F}", #"\u{7F}"#),
    ])
    func escapes(text: String, escaped: String) {
        #expect(text.escapedForLog == escaped)
    }

    @Test func cutsLongTexts() {
        #expect(String(repeating: "a", count: 64).escapedForLog == String(repeating: "a", count: 64))
        #expect(String(repeating: "a", count: 65).escapedForLog == String(repeating: "a", count: 64) + "…")
    }
}
