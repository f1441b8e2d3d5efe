// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the decoder accepts at most, whoever sends it.
///
/// The defaults suit messages from anywhere; memory used in decoding stays a small multiple of the bytes decoded.
public struct DecodingLimits: Sendable, Hashable {
    /// The limits used when none are given.
    public static let `default` = DecodingLimits()

    /// How many lists, maps, arrays and described values may stand inside one another: 0 to 1,024, by default 64.
    public var depth: Int {
        didSet { depth = min(max(depth, 0), Self.maximumDepth) }
    }

    /// How many values may be decoded in one go, by default 1,048,576.
    ///
    /// Whatever this says, a decoding never yields more values than it has bytes, plus 256: only arrays of values that
    /// take no bytes, such as nulls, could, and those are how a few bytes would fill the memory.
    public var elements: Int

    /// How many bytes may be decoded in one go, by default 256 MiB, at most 4 GiB less one.
    public var totalSize: Int {
        didSet { totalSize = min(max(totalSize, 0), Self.maximumSize) }
    }

    /// Limits; a value outside its range counts as the nearest inside.
    public init(depth: Int = 64, elements: Int = 1 << 20, totalSize: Int = 256 << 20) {
        self.depth = min(max(depth, 0), Self.maximumDepth)
        self.elements = elements
        self.totalSize = min(max(totalSize, 0), Self.maximumSize)
    }

    /// The deepest nesting that is ever decoded or encoded: recursion this deep is safe on every thread's stack.
    static let maximumDepth = 1024

    /// The largest size that the four bytes of AMQP's sizes can say.
    static let maximumSize = Int(UInt32.max)
}
