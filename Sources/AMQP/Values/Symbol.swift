// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A name from a constrained domain, in ASCII (Types, section 1.6.21).
///
/// AMQP uses symbols as the names of capabilities, conditions, annotations and filters. A string literal makes a symbol.
public struct Symbol: Sendable, Hashable {
    /// The text of the symbol, all ASCII.
    public let name: String

    /// Creates a symbol of a text; a character outside ASCII becomes `?`, because a symbol cannot carry it.
    ///
    /// For a text of unknown origin, use ``init(exactly:)``.
    @inlinable public init(_ name: String) {
        self = SmallText.isMarkedASCII(name) ? Symbol(ascii: name) : Symbol(checking: name)
    }

    /// Creates a symbol of a text, or nil if the text has a character outside ASCII.
    public init?(exactly name: String) {
        if !SmallText.isMarkedASCII(name) {
            var text = name.utf8Span
            guard text.checkForASCII() else { return nil }
        }
        self.name = name
    }

    @usableFromInline init(checking name: String) { self = Symbol(exactly: name) ?? Symbol(replacing: name) }

    /// A symbol of a text with characters outside ASCII.
    private init(replacing name: String) {
        let characters = name.unicodeScalars.map { $0.isASCII ? UInt8($0.value) : 0x3f }
        self.name = String(decoding: characters, as: UTF8.self)
    }

    /// A symbol of a text that is known to be ASCII.
    @inlinable init(ascii name: String) { self.name = name }

    /// A symbol of bytes that are known to be ASCII.
    @inline(__always)
    init(ascii bytes: UnsafeRawBufferPointer) {
        if let small = SmallText(bytes) {
            name = small.string
        } else {
            name = Symbol.usualNames(bytes) ?? String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Texts that many senders put into most of their messages, and that are too long for the small form of `String`: as
    /// constants they need no allocation.
    private static func usualNames(_ bytes: UnsafeRawBufferPointer) -> String? {
        switch bytes.count {
        case 16 where bytes.holds("application/json"): "application/json"
        case 24 where bytes.holds("application/octet-stream"): "application/octet-stream"
        case 24 where bytes.holds("text/plain;charset=utf-8"): "text/plain;charset=utf-8"
        case 25 where bytes.holds("text/plain; charset=utf-8"): "text/plain; charset=utf-8"
        case 31 where bytes.holds("application/json; charset=utf-8"): "application/json; charset=utf-8"
        default: nil
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are those of an ASCII text.
    @inline(__always)
    fileprivate func holds(_ text: StaticString) -> Bool {
        hasSameBytes(as: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

extension Symbol: ExpressibleByStringLiteral, Comparable {
    /// A string literal is a symbol.
    @inlinable public init(stringLiteral value: String) { self.init(value) }

    /// Orders symbols by their text.
    public static func < (a: Symbol, b: Symbol) -> Bool { a.name < b.name }
}

extension Symbol: CustomStringConvertible {
    /// The bare text, as the Python binding prints it.
    public var description: String { name.escapedForTerminal() }
}
