import Logging
import ProtonTesting
import Synchronization
import Testing

@testable import ProtonBroker

/// What the broker says in its log of limits that are reached.
struct LimitLogTests {
    /// Keeps log lines.
    private final class Lines: LogHandler {
        private let kept = Mutex<[String]>([])

        var lines: [String] { kept.withLock(\.self) }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            kept.withLock { $0.append("\(event.level) \(event.message)\(metadata.joined())") }
        }
    }

    @Test func saysALimitOnceInTenSeconds() {
        let (lines, clock) = (Lines(), TestClock())
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
