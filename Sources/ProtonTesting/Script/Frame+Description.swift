// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

extension Frame: CustomStringConvertible {
    /// The frame in readable form: `attach(name: "link", handle: 0, role: receiver, source: source(address: "queue"))`.
    ///
    /// Null fields are omitted.
    public var description: String {
        var text = kind.rawValue
        if let shape = kind.shape { text += "(\(shape.describe(fields)))" }
        if channel != 0 { text += " on channel \(channel)" }
        if !payload.isEmpty { text += " with \(payload.count) bytes: \(payload.shortText)" }
        return text
    }
}

extension ListShape {
    /// Fields with their names.
    fileprivate func describe(_ values: [AMQPValue]) -> String {
        values.enumerated().compactMap { index, value in
            if value.isNull { return nil }
            guard index < fields.count else { return "field \(index): \(value.frameText)" }
            if fields[index].kind == .role, let isReceiver = value.boolValue {
                return "role: \(isReceiver ? "receiver" : "sender")"
            }
            return "\(fields[index].name): \(value.frameText)"
        }.joined(separator: ", ")
    }
}

extension AMQPValue {
    /// The value in readable form: numbers without their types, described lists with their names.
    var frameText: String {
        if let number = integer(as: Int.self) { return "\(number)" }
        switch self {
        case .null: return "null"
        case .boolean(let value): return "\(value)"
        case .string(let value): return "\"\(value.count > 100 ? "\(value.prefix(100))…" : value)\""
        case .symbol(let value): return value.name
        case .binary(let value): return value.shortText
        case .list(let values): return "[\(values.map(\.frameText).joined(separator: ", "))]"
        case .array(let array): return "[\(array.elements.map(\.frameText).joined(separator: ", "))]"
        case .map(let map):
            return "{\(map.map { "\($0.frameText): \($1.frameText)" }.joined(separator: ", "))}"
        case .described(let described):
            if let code = described.descriptor.integer(as: UInt64.self), let shape = ListShape.of(code),
                case .list(let fields) = described.value
            {
                return fields.isEmpty ? shape.name : "\(shape.name)(\(shape.describe(fields)))"
            }
            return "\(described.descriptor.frameText)(\(described.value.frameText))"
        default: return description
        }
    }
}

extension [UInt8] {
    /// The first of the bytes, in hexadecimal.
    fileprivate var shortText: String {
        let digits = prefix(32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return "<\(digits.joined(separator: " "))\(count > 32 ? " …" : "")>"
    }
}
