// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A value where it stands in the bytes of a message: what it is can be found out without a copy of it.
///
/// It lives no longer than the closure that it is given to.
public struct ValueView: ~Copyable {
    @usableFromInline enum Source {
        /// The bytes that begin with the value, which a validator has passed or a writer has made.
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
    /// - Parameter read: called once with the text, which is good until it returns.
    /// - Returns: what the closure returns; nil, without a call, for a value of another type.
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
    /// Calls a closure with each key and value where they stand, in their order.
    ///
    /// Of maps that a message came in with nothing is copied.
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

    /// Calls a closure with the value of a key where it stands.
    ///
    /// - Returns: what the closure returns; nil, without a call, where there is no such key.
    @inlinable public func withValue<Result>(
        of key: String, _ read: (borrowing ValueView) throws -> Result
    ) rethrows -> Result? {
        switch pairs {
        // With `map`, swiftc 6.3 fails where this is inlined in an optimized build: the view cannot be copied.
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
