// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The pairs of a map as they stand in the bytes of a message, which it keeps.
///
/// Keys are compared there, and a pair is decoded when it is asked for.
@usableFromInline struct EncodedPairs: Sendable {
    let message: EncodedMessage

    /// The message that ``message`` is but for these pairs, which were changed; nil where they were not.
    let base: EncodedMessage?

    /// The number of the section that the pairs are.
    let section: UInt8

    private let start: UInt32
    private let end: UInt32
    private let pairCount: UInt32

    /// The pairs in a range of a message's bytes, which a validator has passed or a writer has made; there is one at least.
    init(of message: EncodedMessage, base: EncodedMessage? = nil, section: Int, _ range: Range<Int>, count: Int) {
        self.message = message
        self.base = base
        self.section = UInt8(truncatingIfNeeded: section)
        start = UInt32(truncatingIfNeeded: range.lowerBound)
        end = UInt32(truncatingIfNeeded: range.upperBound)
        pairCount = UInt32(truncatingIfNeeded: count)
    }

    /// How many pairs there are.
    @usableFromInline var count: Int { Int(pairCount) }

    /// Goes through the pairs.
    @usableFromInline
    struct Walk: Sendable {
        private let message: EncodedMessage
        private var offset: Int
        private let end: Int

        /// Through none.
        @usableFromInline
        init() {
            message = .empty
            offset = 0
            end = 0
        }

        fileprivate init(_ pairs: EncodedPairs) {
            message = pairs.message
            offset = Int(pairs.start)
            end = Int(pairs.end)
        }

        /// The next pair; nil behind the last.
        @usableFromInline
        mutating func next() -> (AMQPValue, AMQPValue)? {
            guard offset < end else { return nil }
            let (key, value, next) = message.withParts { [offset] _, bytes in
                var reader = ValueReader(bytes, at: offset)
                return (reader.value(), reader.value(), reader.offset)
            }
            offset = next
            return (key, value)
        }
    }

    @usableFromInline var walk: Walk { Walk(self) }

    /// The value of a key, a text, symbol or number; nil when there is none.
    @usableFromInline
    func value(of key: AMQPValue) -> AMQPValue? {
        withPair(of: key) { reader, _ in reader.value() }
    }

    // MARK: In place

    /// Where the first pair begins, in the bytes of the message.
    @usableFromInline var first: Int { Int(start) }

    /// The bytes of the text that the key at an offset is, and those that begin with its value, for as long as the message
    /// lives; the offset is moved to the next pair. Nil behind the last.
    @usableFromInline
    func nextInPlace(_ offset: inout Int) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer)? {
        guard offset < Int(end) else { return nil }
        return message.withParts { _, bytes in
            var reader = ValueReader(bytes, at: offset)
            // The keys of such maps are texts.
            let key = reader.textContents() ?? UnsafeRawBufferPointer(rebasing: bytes[offset..<offset])
            let value = UnsafeRawBufferPointer(rebasing: bytes[reader.offset...])
            reader.skipValue()
            offset = reader.offset
            return (key, value)
        }
    }

    /// The bytes that begin with the value of a text, for as long as the message lives; nil when there is none.
    @usableFromInline
    func valueInPlace(of key: String) -> UnsafeRawBufferPointer? {
        withPair(of: key, 0xa1) { reader, _ in reader.rest }
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

    // MARK: Changes

    /// The largest message that is written anew for one pair.
    private static let largestRewritten = 4096

    /// The pairs with the value of a key set, in a message that has them in the place of these; a new key goes to the end.
    ///
    /// - Returns: nil where the value is one that the map cannot have, or the message is large: the pairs are then better
    ///   decoded.
    @usableFromInline
    func setting(_ key: AMQPValue, _ value: AMQPValue, allowsCompounds: Bool) -> EncodedPairs? {
        let size = message.withParts { _, bytes in bytes.count }
        guard size <= Self.largestRewritten, allowsCompounds || !value.isCompound else { return nil }
        let old = withPair(of: key) { reader, _ in
            let value = reader.offset
            reader.skipValue()
            return value..<reader.offset
        }
        let count = old == nil ? count + 1 : count
        let place = old ?? Int(end)..<Int(end)
        var writer = MessageWriter(estimate: size &+ 16 &+ estimate(value) &+ (old == nil ? estimate(key) : 0))
        let first = message.withParts { _, bytes in
            writer.copy(message, pairsOf: Int(section), count: count) { writer in
                writer.append(UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<place.lowerBound]))
                if old == nil { writer.write(key) }
                writer.write(value, depth: 1)
                writer.append(UnsafeRawBufferPointer(rebasing: bytes[place.upperBound..<Int(end)]))
            }
        }
        let made: EncodedMessage
        do throws(CodecError) { made = try writer.finish() } catch { return nil }
        let pairs = first..<made.withParts { layout, _ in layout.pointee.section(Int(section)).upperBound }
        return EncodedPairs(of: made, base: base ?? message, section: Int(section), pairs, count: count)
    }
}

/// About how many bytes a value takes.
private func estimate(_ value: AMQPValue) -> Int {
    switch value {
    case .string(let text): text.utf8.count &+ 8
    case .symbol(let symbol): symbol.name.utf8.count &+ 8
    case .binary(let bytes): bytes.count &+ 8
    default: 24
    }
}
