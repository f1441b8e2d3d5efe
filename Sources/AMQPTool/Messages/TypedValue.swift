// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
import FoundationEssentials

/// A value with its AMQP type, as arguments have it: `name=text`, `name:int=5`.
package enum TypedValue {
    /// What the types are called in arguments, with what makes a value of a text.
    private static let types: [(name: String, make: @Sendable (String) -> AMQPValue?)] = [
        ("string", { .string($0) }),
        ("symbol", { Symbol(exactly: $0).map { .symbol($0) } }),
        ("bool", boolean), ("boolean", boolean),
        ("byte", { Int8($0).map { .byte($0) } }), ("ubyte", { UInt8($0).map { .ubyte($0) } }),
        ("short", { Int16($0).map { .short($0) } }), ("ushort", { UInt16($0).map { .ushort($0) } }),
        ("int", { Int32($0).map { .int($0) } }), ("uint", { UInt32($0).map { .uint($0) } }),
        ("long", { Int64($0).map { .long($0) } }), ("ulong", { UInt64($0).map { .ulong($0) } }),
        ("float", { Float($0).map { .float($0) } }), ("double", { Double($0).map { .double($0) } }),
        ("char", { $0.unicodeScalars.count == 1 ? $0.unicodeScalars.first.map { .char($0) } : nil }),
        ("timestamp", { timestamp($0).map { .timestamp($0) } }),
        ("uuid", uuid), ("binary", { base64($0).map { .binary($0) } }),
        ("null", { $0.isEmpty ? .null : nil }),
    ]

    /// The names of the types, for help and errors.
    package static var typeNames: String { types.map(\.name).filter { $0 != "boolean" }.joined(separator: ", ") }

    /// A name and a value: `name=text`, or `name:type=value`.
    ///
    /// Where the name itself has a colon the type has to be said: `a:b:string=text`.
    /// - Throws: `ArgumentProblem` that says what is wrong.
    package static func pair(_ argument: String) throws(ArgumentProblem) -> (name: String, value: AMQPValue) {
        guard let equals = argument.firstIndex(of: "=") else {
            throw ArgumentProblem("'\(argument)' has no '=': write name=text, or name:type=value.")
        }
        let (left, text) = (argument[..<equals], String(argument[argument.index(after: equals)...]))
        let colon = left.lastIndex(of: ":")
        let name = String(colon.map { left[..<$0] } ?? left)
        guard !name.isEmpty else { throw ArgumentProblem("'\(argument)' has no name before the '='.") }
        let type = colon.map { String(left[left.index(after: $0)...]) } ?? "string"
        return (name, try value(text, type: type))
    }

    /// The value of a type that a text says.
    /// - Throws: `ArgumentProblem` that says what is wrong.
    package static func value(_ text: String, type: String) throws(ArgumentProblem) -> AMQPValue {
        guard let known = types.first(where: { $0.name == type }) else {
            throw ArgumentProblem("'\(type)' is no type: there are \(typeNames).")
        }
        guard let value = known.make(text) else {
            throw ArgumentProblem("'\(text)' is no \(type)\(form(of: type)).")
        }
        return value
    }

    private static func form(of type: String) -> String {
        switch type {
        case "bool", "boolean": ": write true or false"
        case "timestamp": ": write 2026-01-31T12:00:00Z, milliseconds since 1970, or now"
        case "binary": ": write it in base64"
        case "uuid": ": write f81d4fae-7dec-11d0-a765-00a0c91e6bf6, or random"
        default: ""
        }
    }

    private static let boolean: @Sendable (String) -> AMQPValue? = { text in
        switch text {
        case "true": .boolean(true)
        case "false": .boolean(false)
        default: nil
        }
    }

    private static let uuid: @Sendable (String) -> AMQPValue? = { text in
        text == "random" ? .uuid(.random()) : AMQPUUID(text).map { .uuid($0) }
    }

    /// A point in time: by ISO 8601, in milliseconds since 1970, or `now`.
    static func timestamp(_ text: String) -> Timestamp? {
        if text == "now" { return Timestamp(Date()) }
        if let milliseconds = Int64(text) { return Timestamp(milliseconds: milliseconds) }
        for style in [Date.ISO8601FormatStyle(includingFractionalSeconds: true), Date.ISO8601FormatStyle()] {
            if let date = try? style.parse(text) { return Timestamp(date) }
        }
        return nil
    }

    static func base64(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map { Array($0) } }
}

/// What is wrong with an argument.
package struct ArgumentProblem: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

extension Timestamp {
    /// The nearest one to a date; dates beyond what 64 bits hold are the last one.
    init(_ date: Date) {
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded()
        self.init(milliseconds: Int64(exactly: milliseconds) ?? (milliseconds < 0 ? .min : .max))
    }

    /// The time by ISO 8601, in UTC and to the millisecond; nil for years that have not four digits.
    var isoText: String? {
        // From the year 0 to the end of 9999.
        guard (-62_167_219_200_000...253_402_300_799_999).contains(milliseconds) else { return nil }
        // Whole seconds are exact; the rest is written apart, since a fraction would be cut.
        let rest = (milliseconds % 1_000 + 1_000) % 1_000
        let date = Date(timeIntervalSince1970: Double((milliseconds - rest) / 1_000))
        let digits = String(rest)
        let fraction = String(repeating: "0", count: 3 - digits.count) + digits
        return "\(date.formatted(Date.ISO8601FormatStyle()).dropLast()).\(fraction)Z"
    }
}
