// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Counts times, each with an error of less than one percent, in memory that does not grow.
struct LatencyHistogram: Sendable {
    /// Times below this have a counter each, those above share 128 between two powers of two.
    private static let exact = 256

    private var counts = [UInt64](repeating: 0, count: exact + 56 * 128)
    private(set) var count: UInt64 = 0
    private(set) var maximum: UInt64 = 0

    /// Counts a time in nanoseconds.
    mutating func record(_ time: UInt64) {
        counts[Self.index(of: time)] += 1
        count += 1
        maximum = max(maximum, time)
    }

    /// Adds what another one has counted.
    mutating func add(_ other: LatencyHistogram) {
        for (index, number) in other.counts.enumerated() where number > 0 { counts[index] += number }
        count += other.count
        maximum = max(maximum, other.maximum)
    }

    /// The time in nanoseconds that a part of all times does not exceed; nil where none was counted.
    /// - Parameter part: above 0, up to 1: 0.5 for the median.
    func percentile(_ part: Double) -> UInt64? {
        guard count > 0 else { return nil }
        let wanted = max(1, UInt64((Double(count) * part).rounded(.up)))
        var seen: UInt64 = 0
        for (index, number) in counts.enumerated() {
            seen += number
            if seen >= wanted { return min(Self.largest(at: index), maximum) }
        }
        return maximum
    }

    private static func index(of time: UInt64) -> Int {
        guard time >= exact else { return Int(time) }
        let exponent = 63 - time.leadingZeroBitCount
        return exact + (exponent - 8) * 128 + Int(time >> UInt64(exponent - 7)) - 128
    }

    /// The largest time that a counter stands for.
    private static func largest(at index: Int) -> UInt64 {
        guard index >= exact else { return UInt64(index) }
        let (exponent, part) = ((index - exact) / 128 + 8, (index - exact) % 128 + 128)
        return (UInt64(part) << UInt64(exponent - 7)) | ((1 << UInt64(exponent - 7)) - 1)
    }
}
