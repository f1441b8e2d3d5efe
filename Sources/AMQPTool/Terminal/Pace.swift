// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// How many things a second: `100`, `0.5`, `100/s`, `60/m`.
package struct Rate: ExpressibleByArgument, Sendable, Hashable {
    package let perSecond: Double

    package init?(argument: String) {
        let units: [(String, Double)] = [("/s", 1), ("/m", 60), ("/h", 3_600)]
        let unit = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
        guard let number = Double(argument.dropLast(unit.0.count)), number > 0, number.isFinite else { return nil }
        perSecond = number / unit.1
        guard perSecond >= 0.000_01, perSecond <= 10_000_000 else { return nil }
    }
}

/// Keeps what is done to a rate.
package struct Pace {
    private let rate: Double?
    private let start = ContinuousClock.now
    private var count = 0

    package init(_ rate: Rate?) { self.rate = rate?.perSecond }

    /// Waits until the next thing may be done.
    /// - Throws: `CancellationError`.
    package mutating func wait() async throws {
        guard let rate else { return }
        let time = start + .seconds(Double(count) / rate)
        count += 1
        if time > .now { try await Task.sleep(until: time, clock: .continuous) }
    }
}
