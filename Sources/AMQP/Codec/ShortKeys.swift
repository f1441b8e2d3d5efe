/// The first keys of a map that are short ASCII strings or symbols, compared as they stand in the bytes.
///
/// Equal texts have equal bytes there, so that no value needs to be built to find a key that is there twice. It holds no
/// more than a few; when it misses a key, ``isComplete`` is set to false and the keys are compared as values.
struct ShortKeys {
    private static let capacity = 16

    private let bytes: UnsafeRawBufferPointer
    private var offsets = InlineArray<16, Int>(repeating: 0)
    private var count = 0

    /// Whether every key of the map was taken.
    var isComplete = true

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Takes the key at an offset, which ends before `end`; returns whether it could.
    ///
    /// Throws when the key has been taken before.
    mutating func insert(_ offset: Int, _ end: Int) throws(CodecError) -> Bool {
        let constructor = bytes[offset]
        guard constructor == 0xa1 || constructor == 0xa3, count < Self.capacity else { return false }
        // Beyond ASCII, texts with other bytes may be equal: Swift compares them by what they mean.
        for place in offset &+ 2..<end where bytes[place] >= 0x80 { return false }
        let length = end &- offset
        for place in 0..<count {
            let other = offsets[place]
            // The second byte is the length of the text.
            guard bytes[other] == constructor, bytes[other &+ 1] == bytes[offset &+ 1] else { continue }
            var index = 2
            while index < length, bytes[other &+ index] == bytes[offset &+ index] { index &+= 1 }
            if index >= length { throw duplicateKey(offset) }
        }
        offsets[count] = offset
        count &+= 1
        return true
    }
}
