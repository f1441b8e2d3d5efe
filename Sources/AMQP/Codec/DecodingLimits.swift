// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Limits on what the decoder accepts from any peer.
///
/// The defaults are safe for messages of any origin: the memory used for decoding stays a small multiple of the bytes decoded.
public struct DecodingLimits: Sendable, Hashable {
    /// The default limits.
    public static let `default` = DecodingLimits()

    /// The maximum nesting of lists, maps, arrays and described values: 0 to 1,024, by default 64.
    public var depth: Int {
        didSet { depth = min(max(depth, 0), Self.maximumDepth) }
    }

    /// The maximum number of values in one decoding, by default 1,048,576.
    ///
    /// Whatever the limit, one decoding yields at most as many values as it has bytes, plus 256. Only arrays of values that take
    /// no bytes, such as nulls, could exceed this, and with these a few bytes could fill the memory.
    public var elements: Int

    /// The maximum number of bytes in one decoding, by default 256 MiB, at most 4 GiB minus one.
    public var totalSize: Int {
        didSet { totalSize = min(max(totalSize, 0), Self.maximumSize) }
    }

    /// Creates limits; a value outside its range is replaced by the nearest value inside.
    public init(depth: Int = 64, elements: Int = 1 << 20, totalSize: Int = 256 << 20) {
        self.depth = min(max(depth, 0), Self.maximumDepth)
        self.elements = elements
        self.totalSize = min(max(totalSize, 0), Self.maximumSize)
    }

    /// The maximum nesting for decoding and encoding: recursion of this depth is safe on the stack of every thread.
    static let maximumDepth = 1024

    /// The largest size that the four-byte size field of AMQP can express.
    static let maximumSize = Int(UInt32.max)
}
