// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A time as an argument: `10`, `0.5s`, `500ms`, `2m`, `1h`.
package struct TimeSpan: ExpressibleByArgument, Sendable, Hashable, CustomStringConvertible {
    package let duration: Duration
    private let text: String

    /// The longest: 30 days.
    private static let maxSeconds = 2_592_000.0

    package init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
        let unit = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
        guard let number = Double(argument.dropLast(unit.0.count)), number > 0 else { return nil }
        let seconds = number * unit.1
        guard seconds >= 0.001, seconds <= TimeSpan.maxSeconds else { return nil }
        duration = .milliseconds(Int64((seconds * 1_000).rounded()))
        text = argument
    }

    package static func seconds(_ count: Int) -> TimeSpan { TimeSpan(seconds: count) }

    private init(seconds: Int) { (duration, text) = (.seconds(seconds), "\(seconds)s") }

    package var description: String { text }
    package var defaultValueDescription: String { text }
}
