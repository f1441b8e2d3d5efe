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

    /// Whether the bytes at two offsets are the same: constructor, length and text.
    @inline(__always)
    private func isEqual(_ a: Int, _ b: Int, _ count: Int) -> Bool {
        var index = 0
        while index < count,
            bytes.load(fromByteOffset: a &+ index, as: UInt8.self)
                == bytes.load(fromByteOffset: b &+ index, as: UInt8.self)
        { index &+= 1 }
        return index >= count
    }
}
