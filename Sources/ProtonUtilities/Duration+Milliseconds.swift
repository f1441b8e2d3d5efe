// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// The number of milliseconds, rounded up, and clamped to the range of `Int64`.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let fraction = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        let (sum, over) = whole.addingReportingOverflow(fraction)
        return over ? .max : sum
    }
}
