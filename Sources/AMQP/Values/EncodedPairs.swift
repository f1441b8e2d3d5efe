// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The pairs of a map in their encoded form. The pairs keep a reference to the message that holds the bytes.
///
/// Keys are compared in encoded form, and a pair is decoded only when it is requested.
@usableFromInline struct EncodedPairs: Sendable {
    let message: EncodedMessage

    /// The message without the changes to these pairs, which ``message`` has; nil if the pairs are unchanged.
    let base: EncodedMessage?

    /// The number of the message's section that holds the pairs.
    let section: UInt8

    private let start: UInt32
    private let end: UInt32
    private let pairCount: UInt32

    /// The pairs in a range of a message's bytes, which a validator has accepted or a writer has written; at least one pair.
    init(of message: EncodedMessage, base: EncodedMessage? = nil, section: Int, _ range: Range<Int>, count: Int) {
        self.message = message
        self.base = base
        self.section = UInt8(truncatingIfNeeded: section)
        start = UInt32(truncatingIfNeeded: range.lowerBound)
        end = UInt32(truncatingIfNeeded: range.upperBound)
        pairCount = UInt32(truncatingIfNeeded: count)
    }

    /// The number of pairs.
    @usableFromInline var count: Int { Int(pairCount) }

    /// An iterator over the pairs.
    @usableFromInline
    struct Walk: Sendable {
        private let message: EncodedMessage
        private var offset: Int
        private let end: Int

        /// An iterator over no pairs.
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

        /// The next pair, or nil after the last.
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

    /// The value of a key (a string, symbol or ulong), or nil if there is none.
    @usableFromInline
    func value(of key: AMQPValue) -> AMQPValue? {
        withPair(of: key) { reader, _ in reader.value() }
    }

    // MARK: In place

    /// The offset of the first pair in the bytes of the message.
    @usableFromInline var first: Int { Int(start) }

    /// The bytes of the string key at an offset, and the bytes that begin with its value; nil after the last pair. The offset
    /// moves to the next pair. The bytes are valid as long as the message exists.
    @usableFromInline
    func nextInPlace(_ offset: inout Int) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer)? {
        guard offset < Int(end) else { return nil }
        return message.withParts { _, bytes in
            var reader = ValueReader(bytes, at: offset)
            // The keys of such maps are strings.
            let key = reader.textContents() ?? UnsafeRawBufferPointer(rebasing: bytes[offset..<offset])
            let value = UnsafeRawBufferPointer(rebasing: bytes[reader.offset...])
            reader.skipValue()
            offset = reader.offset
            return (key, value)
        }
    }

    /// The bytes that begin with the value of a string key, valid as long as the message exists; nil if there is no such key.
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

    /// Calls a closure with a reader positioned at the value of a key, and with the offset of the key. Returns nil without a call
    /// if there is no such key.
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

    /// Finds the pair whose key the closure accepts and skips.
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

    /// The largest message, in bytes, that is rewritten to change one pair.
    private static let largestRewritten = 4096

    /// The pairs with the value of a key set, in a copy of the message that contains them; a new key is appended.
    ///
    /// - Returns: nil if the map cannot have the value, or if the message is large: decoding the pairs is then cheaper.
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

/// An estimate of the encoded size of a value, in bytes.
private func estimate(_ value: AMQPValue) -> Int {
    switch value {
    case .string(let text): text.utf8.count &+ 8
    case .symbol(let symbol): symbol.name.utf8.count &+ 8
    case .binary(let bytes): bytes.count &+ 8
    default: 24
    }
}
