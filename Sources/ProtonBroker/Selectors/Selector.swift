// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A condition on messages in the selector language of JMS, which is that of SQL-92's conditions.
///
///     let selector = try Selector("colour = 'green' AND weight BETWEEN 1 AND 2.5")
///
/// Identifiers name application properties, fields of the header and properties, or annotations (see `SelectorName`). It is
/// parsed once, and then evaluated on as many messages as there are; nothing that a message holds makes that fail.
///
/// Conditions are true, false or unknown, and a message is selected where the selector is true (JMS 2.0, 3.8.1). A comparison
/// with null is unknown. One of unlike types, such as a text and a number, is false: `a <> 5` is false for a text, and
/// `NOT a = 5` true.
struct Selector: Sendable {
    private let condition: SelectorExpression
    /// What it reads of a message.
    let parts: SelectorParts

    /// The longest text that is taken, in bytes of UTF-8.
    static let maxSize = 8_192

    /// Parses a selector.
    init(_ text: String) throws(SelectorError) {
        guard text.utf8.count <= Selector.maxSize else {
            throw SelectorError("it is longer than \(Selector.maxSize) bytes", at: Selector.maxSize)
        }
        var parser = try SelectorParser(text)
        condition = try parser.parse()
        parts = parser.parts
    }

    /// Whether the condition is true of a message: neither false nor unknown.
    func matches(_ message: some SelectorSubject) -> Bool {
        if case .boolean(true) = condition.value(of: message) { true } else { false }
    }
}

/// What a selector is evaluated on.
protocol SelectorSubject {
    /// The value of an application property; nil where there is none.
    func applicationProperty(_ name: String) -> AMQPValue?
    /// The value of a message annotation; nil where there is none.
    func annotation(_ key: AnnotationKey) -> AMQPValue?
    /// The value of a field of the header or the properties.
    func field(_ field: SelectorField) -> SelectorValue
}

/// What is wrong with a selector, and where.
struct SelectorError: Error, Hashable {
    let reason: String
    /// Where it is: characters from the beginning, the first at 1.
    let position: Int

    init(_ reason: String, at offset: Int) {
        self.reason = reason
        position = offset + 1
    }
}

extension SelectorError: CustomStringConvertible {
    var description: String { "The selector is wrong at character \(position): \(reason)." }
}
