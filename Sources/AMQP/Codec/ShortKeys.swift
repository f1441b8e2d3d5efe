// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The first keys of a map, if they are short ASCII strings or symbols, compared in their encoded form.
///
/// Equal texts have equal bytes here, so that a duplicate key is found without building values. The capacity is small: if there
/// are more keys, or keys of another kind, ``isComplete`` is false and the caller compares the keys as values, because one key
/// may be encoded in several ways.
struct ShortKeys {
    private static let capacity = 16

    private let bytes: UnsafeRawPointer
    private var offsets = InlineArray<16, UInt32>(repeating: 0)
    private var count = 0

    /// Whether this holds every key of the map.
    var isComplete = true

    init(_ bytes: UnsafeRawPointer) { self.bytes = bytes }

    /// Inserts the key at an offset, a short ASCII text up to `end`; throws if it is a duplicate.
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

    /// Inserts the key at an offset, a short ASCII text up to `end`.
    /// - Returns: false if it is a duplicate, or if there are too many keys.
    @inline(__always)
    mutating func add(_ offset: Int, _ end: Int) -> Bool {
        guard count < Self.capacity else { return false }
        for place in 0..<count where isEqual(Int(offsets[place]), offset, end &- offset) { return false }
        offsets[count] = UInt32(truncatingIfNeeded: offset)
        count &+= 1
        return true
    }

    /// Whether the bytes of the keys at two offsets are the same: constructor, length and text.
    @inline(__always)
    private func isEqual(_ a: Int, _ b: Int, _ count: Int) -> Bool {
        // Most keys differ in their length or in their first byte.
        guard
            bytes.loadUnaligned(fromByteOffset: a, as: UInt16.self)
                == bytes.loadUnaligned(fromByteOffset: b, as: UInt16.self)
        else { return false }
        return UnsafeRawBufferPointer(start: bytes + a, count: count)
            .hasSameBytes(as: UnsafeRawBufferPointer(start: bytes + b, count: count))
    }
}
