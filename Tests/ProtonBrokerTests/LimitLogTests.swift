import Logging
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

    /// A node whose log lines are kept.
    private func node(_ kind: Node.Kind, _ limits: QueueLimits, _ lines: LogLines) -> Node {
        let clock = QueueClock(TestClock())
        let log = LimitLog(clock, logger: Logger(label: "test") { _ in lines })
        let support = NodeSupport(maxBytes: .max, clock: clock, store: nil, limitLog: log)
        return Node(address: "orders", kind: kind, limits: limits, support: support)
    }

    @Test func saysThatAQueueDropsMessages() throws {
        let lines = LogLines()
        let node = node(.queue(isExclusive: false), QueueLimits(messages: 3, bytes: 100, policy: .dropOldest), lines)
        for byte in UInt8(0)..<3 { _ = try node.put([byte]) }
        #expect(lines.lines.isEmpty)
        _ = try node.put([3])
        #expect(lines.lines == ["warning dropped the oldest message: The queue is full. address=orders"])
        #expect(node.status.removed == 1)
    }

    @Test func saysHowManyMessagesAreDroppedAtOnce() throws {
        let lines = LogLines()
        let node = node(.queue(isExclusive: false), QueueLimits(messages: 9, bytes: 10, policy: .dropOldest), lines)
        for _ in 0..<5 { _ = try node.put([1]) }
        _ = try node.put(Array(repeating: 1, count: 13))
        #expect(lines.lines.isEmpty)
        _ = try node.put([1])
        #expect(lines.lines == ["warning dropped the oldest message: The queue is full. address=orders alike=5"])
    }

    @Test func saysThatASlowSubscriberLosesMessages() throws {
        let lines = LogLines()
        let subscription = Subscription(to: "topic/*", nil, isDurable: false)
        let node = node(.subscription(subscription), QueueLimits(messages: 2, policy: .dropOldest), lines)
        for _ in 0..<5 {
            try node.reserve([1])
            _ = node.putReserved([1])
        }
        #expect(lines.lines == ["warning dropped the oldest message: Its subscriber is too slow. address=topic/*"])
    }

    @Test func saysThatRejectedMessagesHaveNoPlace() throws {
        let (lines, clock) = (LogLines(), QueueClock(TestClock()))
        let log = LimitLog(clock, logger: Logger(label: "test") { _ in lines })
        var options = BrokerOptions()
        options.queueLimits = QueueLimits(messages: 1, policy: .reject)
        options.deadLetterAddress = "dead"
        let nodes = NodeTable(options, NodeSupport(maxBytes: .max, clock: clock, store: nil, limitLog: log))
        let node = try nodes.use("orders")
        nodes.takeRejected([1], from: node)
        #expect(lines.lines.isEmpty)
        for _ in 0..<3 { nodes.takeRejected([1], from: node) }
        let reason = "The queue is full, or the broker: send again later."
        #expect(lines.lines == ["warning dropped a message that was rejected: \(reason) address=orders"])
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
