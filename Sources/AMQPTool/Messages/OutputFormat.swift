// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
import ArgumentParser

/// How messages are written to standard output.
package enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// The body as people read it, and a line end.
    case text
    /// The whole message, as JSON in one line.
    case json
    /// The bytes of the body, and nothing else.
    case raw

    /// What is written for a message.
    package func bytes(of message: Message) -> [UInt8] {
        switch self {
        case .text: Array("\(OutputFormat.text(of: message.body))\n".utf8)
        case .json: Array("\(message.json)\n".utf8)
        case .raw: OutputFormat.raw(message.body)
        }
    }

    /// A text and numbers as they are, data that is UTF-8 as a text, other bytes as `b'…'`, lists and maps as JSON.
    static func text(of body: Message.Body) -> String {
        if let bytes = body.bytes {
            return String(validating: bytes, as: UTF8.self)?.escapedLines ?? AMQPValue.binary(bytes).description
        }
        switch body.value {
        case .null: return ""
        case .boolean(let flag): return "\(flag)"
        case .timestamp(let time): return time.isoText ?? "\(time.milliseconds)"
        case .ubyte, .ushort, .uint, .ulong: return body.value.uintValue.map { "\($0)" } ?? ""
        case .byte, .short, .int, .long: return body.value.intValue.map { "\($0)" } ?? ""
        case .float(let number): return "\(number)"
        case .double(let number): return "\(number)"
        case .list, .map, .array, .described: return JSONText.of(body.value)
        default: return body.value.description
        }
    }

    /// The bytes of data and of a `binary`, the UTF-8 of a string, and of other values what `text` has.
    static func raw(_ body: Message.Body) -> [UInt8] {
        if let bytes = body.bytes { return bytes }
        if let text = body.stringValue { return Array(text.utf8) }
        return Array(text(of: body).utf8)
    }
}
