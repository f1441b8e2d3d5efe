// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A point in time, in milliseconds since 1970-01-01T00:00:00 UTC (Types, section 1.6.17).
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since the epoch; negative before it.
    public var milliseconds: Int64

    /// Creates a point in time from its milliseconds since the epoch.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Orders points in time, earlier ones first.
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
}

extension Timestamp: ExpressibleByIntegerLiteral {
    /// An integer literal counts milliseconds.
    public init(integerLiteral value: Int64) { self.init(milliseconds: value) }
}

extension Timestamp: CustomStringConvertible {
    /// The timestamp as the Python binding prints it.
    public var description: String { "timestamp(\(milliseconds))" }
}
