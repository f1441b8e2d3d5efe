// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The first keys of a map that are short ASCII strings or symbols, compared as they stand in the bytes.
///
/// Equal texts have equal bytes there, so that no value needs to be built to find a key that is there twice. It holds no
/// more than a few; when a key is of another kind or there are more, ``isComplete`` is false, and the keys are to be
/// compared as values, since one key may be encoded in several ways.
struct ShortKeys {
    private static let capacity = 16

    private let bytes: UnsafeRawPointer
    private var offsets = InlineArray<16, UInt32>(repeating: 0)
    private var count = 0

    /// Whether every key of the map was taken.
    var isComplete = true

    init(_ bytes: UnsafeRawPointer) { self.bytes = bytes }

    /// Takes the key at an offset, a short ASCII text up to `end`; throws when it has been taken before.
    @inline(__always)
    mutating func insert(_ offset: Int, _ end: Int) throws(CodecError) {
        guard count < Self.capacity else {
            isComplete = false
            return
        }
        for place in 0..<count where isEqual(Int(offsets[place]), offset, end &- offset) {
            try EncodingProblem.duplicateKey.fail(offset)
        }
        offsets[count] = UInt32(truncatingIfNeeded: offset)
        count &+= 1
    }

    /// Takes the key at an offset, a short ASCII text up to `end`.
    /// - Returns: false where it has been taken before, or there are too many.
    @inline(__always)
    mutating func add(_ offset: Int, _ end: Int) -> Bool {
        guard count < Self.capacity else { return false }
        for place in 0..<count where isEqual(Int(offsets[place]), offset, end &- offset) { return false }
        offsets[count] = UInt32(truncatingIfNeeded: offset)
        count &+= 1
        return true
    }

    /// Whether the bytes at two offsets are the same: constructor, length and text.
    @inline(__always)
    private func isEqual(_ a: Int, _ b: Int, _ count: Int) -> Bool {
        // Most differ in their length, or at the beginning.
        guard
            bytes.loadUnaligned(fromByteOffset: a, as: UInt16.self)
                == bytes.loadUnaligned(fromByteOffset: b, as: UInt16.self)
        else { return false }
        return UnsafeRawBufferPointer(start: bytes + a, count: count)
            .hasSameBytes(as: UnsafeRawBufferPointer(start: bytes + b, count: count))
    }
}
