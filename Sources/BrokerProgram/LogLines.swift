// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Proton

/// Writes log lines to standard error: `2026-11-21T15:44:28.123Z warning the text peer=127.0.0.1:4711`.
///
/// Each is written in one go, so that those of several threads do not mix.
struct LogLines: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(_ level: Logger.Level) { logLevel = level }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let line = LogLines.line(
            now, event.level, event.message.description, metadata.merging(event.metadata ?? [:]) { $1 })
        line.write(to: STDERR_FILENO)
    }

    /// How many characters of a text are written.
    private static let maxText = 1_000

    private static func line(
        _ time: timespec, _ level: Logger.Level, _ text: String, _ metadata: Logger.Metadata
    ) -> String {
        let name = level.rawValue
        let column = String(repeating: " ", count: max(0, 7 - name.count))
        let pairs = metadata.sorted { $0.key < $1.key }
            .map { " \($0.key.escapedForTerminal())=\(quoted("\($0.value)"))" }
        return "\(stamp(time)) \(name)\(column) \(text.escapedForTerminal(upTo: maxText))\(pairs.joined())\n"
    }

    /// A value as it is, or in quotes where it could be taken for more than one.
    private static func quoted(_ value: String) -> String {
        let text = value.escapedForTerminal(upTo: 200)
        guard text.isEmpty || text.contains(where: { " =\"\\".contains($0) }) else { return text }
        let escaped = text.map { "\"\\".contains($0) ? "\\\($0)" : "\($0)" }
        return "\"\(escaped.joined())\""
    }

    /// The time as ISO 8601 has it, in UTC and to the millisecond.
    private static func stamp(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = [(Int(parts.tm_year) + 1_900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2)]
        let clock = [(Int(parts.tm_hour), 2), (Int(parts.tm_min), 2), (Int(parts.tm_sec), 2)]
        func joined(_ fields: [(Int, Int)], _ separator: String) -> String {
            fields.map { padded($0.0, $0.1) }.joined(separator: separator)
        }
        return "\(joined(date, "-"))T\(joined(clock, ":")).\(padded(time.tv_nsec / 1_000_000, 3))Z"
    }
}
