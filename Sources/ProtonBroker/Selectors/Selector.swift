// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A condition on messages in the selector language of JMS, which is a subset of SQL-92's conditions.
///
///     let selector = try Selector("colour = 'green' AND weight BETWEEN 1 AND 2.5")
///
/// Identifiers name application properties, fields of the header and properties, or annotations (see `SelectorName`). A selector
/// is parsed once, and then evaluated on any number of messages; no message can make the evaluation fail.
///
/// Conditions are true, false or unknown, and a message is selected if the selector is true (JMS 2.0, 3.8.1). A comparison with
/// null is unknown. A comparison of different types, such as a string and a number, is false: `a <> 5` is false for a string, and
/// `NOT a = 5` is true.
struct Selector: Sendable {
    private let condition: SelectorExpression
    /// The parts of a message that it reads.
    let parts: SelectorParts

    /// The maximum length of a selector, in bytes of UTF-8.
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

    /// Whether the condition is true for a message: neither false nor unknown.
    func matches(_ message: some SelectorSubject) -> Bool {
        if case .boolean(true) = condition.value(of: message) { true } else { false }
    }
}

/// A message on which a selector is evaluated.
protocol SelectorSubject {
    /// The value of an application property; nil if it does not exist.
    func applicationProperty(_ name: String) -> AMQPValue?
    /// The value of a message annotation; nil if it does not exist.
    func annotation(_ key: AnnotationKey) -> AMQPValue?
    /// The value of a field of the header or the properties.
    func field(_ field: SelectorField) -> SelectorValue
}

/// An error in a selector, and its position.
struct SelectorError: Error, Hashable {
    let reason: String
    /// The position in characters; the first is 1.
    let position: Int

    init(_ reason: String, at offset: Int) {
        self.reason = reason
        position = offset + 1
    }
}

extension SelectorError: CustomStringConvertible {
    var description: String { "The selector is wrong at character \(position): \(reason)." }
}
