/// A name from a constrained domain, in ASCII (Types, section 1.6.21).
///
/// Symbols are what AMQP names capabilities, conditions, annotations and filters with. A string literal makes one.
public struct Symbol: Sendable, Hashable {
    /// The text of the symbol. All of it is ASCII.
    public let name: String

    /// A symbol of a text; a character outside ASCII becomes `?`, since no symbol can carry it.
    ///
    /// For text of unknown origin use ``init(exactly:)``.
    public init(_ name: String) {
        self = Symbol(exactly: name) ?? Symbol(replacing: name)
    }

    /// A symbol of a text, or nil when the text holds a character outside ASCII.
    public init?(exactly name: String) {
        var text = name.utf8Span
        guard text.checkForASCII() else { return nil }
        self.name = name
    }

    /// A symbol of a text with characters outside ASCII.
    private init(replacing name: String) {
        let characters = name.unicodeScalars.map { $0.isASCII ? UInt8($0.value) : 0x3f }
        self.name = String(decoding: characters, as: UTF8.self)
    }

    /// A symbol of a text that is known to be ASCII.
    init(ascii name: String) { self.name = name }
}

extension Symbol: ExpressibleByStringLiteral, Comparable {
    /// A string literal is a symbol.
    public init(stringLiteral value: String) { self.init(value) }

    /// Orders symbols by their text.
    public static func < (a: Symbol, b: Symbol) -> Bool { a.name < b.name }
}

extension Symbol: CustomStringConvertible {
    /// The bare text, as the Python binding prints it.
    public var description: String { name.escapedForTerminal() }
}
