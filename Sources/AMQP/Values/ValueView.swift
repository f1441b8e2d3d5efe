// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A value in the encoded bytes of a message, which can be inspected without a copy.
///
/// It is valid only inside the closure that receives it.
public struct ValueView: ~Copyable {
    @usableFromInline enum Source {
        /// The bytes that begin with the value, which a validator has accepted or a writer has written.
        case encoded(UnsafeRawBufferPointer)
        case made(AMQPValue)
    }

    @usableFromInline let source: Source

    @usableFromInline init(_ source: Source) { self.source = source }

    /// The value, decoded.
    public var value: AMQPValue {
        switch source {
        case .made(let value): return value
        case .encoded(let bytes):
            var reader = ValueReader(bytes, at: 0)
            return reader.value()
        }
    }

    /// The value of any of the eight integer types, or nil when it is of another type or does not fit an `Int`.
    public var intValue: Int? {
        switch source {
        case .made(let value): return value.intValue
        case .encoded(let bytes):
            var reader = ValueReader(bytes, at: 0)
            return reader.integer()
        }
    }

    /// Reads the UTF-8 of a `string` or a `symbol` in place.
    ///
    /// - Parameter read: called at most once with the text, which is valid until the closure returns.
    /// - Returns: what the closure returns; nil, without a call, if the value has another type.
    @inlinable public func withUTF8<Result>(_ read: (UTF8Span) throws -> Result) rethrows -> Result? {
        if let bytes = encodedText { return try bytes.withValidUTF8(read) }
        guard case .made(let value) = source, let text = value.stringValue ?? value.symbolValue?.name else {
            return nil
        }
        return try read(text.utf8Span)
    }

    @usableFromInline var encodedText: UnsafeRawBufferPointer? {
        guard case .encoded(let bytes) = source else { return nil }
        var reader = ValueReader(bytes, at: 0)
        return reader.textContents()
    }
}

extension OrderedMap where Key == String {
    /// Calls a closure with each key and value in place, in their order.
    ///
    /// For the map of a received message, nothing is copied.
    @inlinable public func forEachInPlace(_ body: (UTF8Span, borrowing ValueView) throws -> Void) rethrows {
        switch pairs {
        case .made(let pairs):
            for (key, value) in pairs { try body(key.utf8Span, ValueView(.made(value))) }
        case .encoded(let pairs):
            try withExtendedLifetime(pairs) {
                var offset = pairs.first
                while let (key, value) = pairs.nextInPlace(&offset) {
                    try key.withValidUTF8 { try body($0, ValueView(.encoded(value))) }
                }
            }
        }
    }

    /// Calls a closure with the value of a key, in place.
    ///
    /// - Returns: what the closure returns; nil, without a call, if there is no such key.
    @inlinable public func withValue<Result>(
        of key: String, _ read: (borrowing ValueView) throws -> Result
    ) rethrows -> Result? {
        switch pairs {
        // With `map`, swiftc 6.3 fails if this is inlined in an optimized build, because the view cannot be copied.
        case .made:
            guard let value = self[key] else { return nil }
            return try read(ValueView(.made(value)))
        case .encoded(let pairs):
            return try withExtendedLifetime(pairs) {
                guard let value = pairs.valueInPlace(of: key) else { return nil }
                return try read(ValueView(.encoded(value)))
            }
        }
    }
}
