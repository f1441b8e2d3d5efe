/// The pairs of a map as they stand in the bytes of a message, which it keeps.
///
/// Keys are compared there, and a pair is decoded when it is asked for.
@usableFromInline struct EncodedPairs: Sendable {
    private let message: EncodedMessage
    private let start: UInt32
    private let end: UInt32
    private let pairCount: UInt32

    /// The pairs in a range of a message's bytes, which a validator has passed or a writer has made; there is one at least.
    init(of message: EncodedMessage, _ range: Range<Int>, count: Int) {
        self.message = message
        start = UInt32(truncatingIfNeeded: range.lowerBound)
        end = UInt32(truncatingIfNeeded: range.upperBound)
        pairCount = UInt32(truncatingIfNeeded: count)
    }

    /// How many pairs there are.
    @usableFromInline var count: Int { Int(pairCount) }

    /// Where the first pair begins, in the bytes of the message.
    @usableFromInline var first: Int { Int(start) }

    /// The pair at an offset, which is moved to the next; nil behind the last.
    @usableFromInline
    func next(_ offset: inout Int) -> (AMQPValue, AMQPValue)? {
        guard offset < Int(end) else { return nil }
        return message.withParts { _, bytes in
            var reader = ValueReader(bytes, at: offset)
            let pair = (reader.value(), reader.value())
            offset = reader.offset
            return pair
        }
    }

    /// The value of a key, a text, symbol or number; nil when there is none.
    @usableFromInline
    func value(of key: AMQPValue) -> AMQPValue? {
        withPair(of: key) { reader, _ in reader.value() }
    }

    /// Calls a closure with the bytes of the pairs.
    func withBytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        message.withParts { _, bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<Int(end)]))
        }
    }

    /// Calls a closure with a reader that stands before the value of a key, and where the key begins; nil, without a
    /// call, when there is none.
    @inline(__always)
    private func withPair<T>(of key: AMQPValue, _ body: (inout ValueReader, Int) -> T) -> T? {
        switch key {
        case .string(let text): withPair(of: text, 0xa1, body)
        case .symbol(let symbol): withPair(of: symbol.name, 0xa3, body)
        case .ulong(let number): find({ $0.skipULong(number) }, body)
        default: nil
        }
    }

    @inline(__always)
    private func withPair<T>(
        of text: String, _ constructor: UInt8, _ body: (inout ValueReader, Int) -> T
    ) -> T? {
        withContiguousUTF8(of: text) { text in find({ $0.skipText(constructor, text) }, body) }
    }

    /// Goes through the pairs to the one whose key a closure passes over.
    @inline(__always)
    private func find<T>(
        _ isKey: (inout ValueReader) -> Bool, _ body: (inout ValueReader, Int) -> T
    ) -> T? {
        message.withParts { _, bytes in
            var reader = ValueReader(bytes, at: Int(start))
            for _ in 0..<pairCount {
                let key = reader.offset
                if isKey(&reader) { return body(&reader, key) }
                reader.skipValue()
                reader.skipValue()
            }
            return nil
        }
    }

    // MARK: One change

    /// The pairs with the value of a key set, in bytes of their own; a new key goes to the end.
    ///
    /// - Returns: nil where the value is one that the map cannot have; or where these pairs are in bytes of their own
    ///   already: it is then quicker to decode them once.
    @usableFromInline
    func setting(_ key: AMQPValue, _ value: AMQPValue, allowsCompounds: Bool) -> EncodedPairs? {
        guard !isChanged, allowsCompounds || !value.isCompound else { return nil }
        let old = withPair(of: key) { reader, key in
            let value = reader.offset
            reader.skipValue()
            return (key: key, value: value, end: reader.offset)
        }
        let place = old ?? (key: Int(end), value: Int(end), end: Int(end))
        let made = try? EncodedMessage.made(estimate: Int(end - start) + 64 + estimate(value)) { writer, _, _ in
            message.withParts { _, bytes in
                writer.append(UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<place.value]))
                if old == nil { writer.write(key) }
                writer.write(value, depth: 1)
                writer.append(UnsafeRawBufferPointer(rebasing: bytes[place.end..<Int(end)]))
            }
        }
        guard let made else { return nil }
        return EncodedPairs(of: made, 0..<made.byteCount, count: count + (old == nil ? 1 : 0))
    }

    /// Whether the pairs are in bytes of their own: in those of a message a section begins with a descriptor.
    private var isChanged: Bool { start == 0 }
}

/// About how many bytes a value takes.
private func estimate(_ value: AMQPValue) -> Int {
    switch value {
    case .string(let text): text.utf8.count
    case .symbol(let symbol): symbol.name.utf8.count
    case .binary(let bytes): bytes.count
    default: 16
    }
}
