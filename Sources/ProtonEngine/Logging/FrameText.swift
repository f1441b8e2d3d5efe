// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// Formats a frame as a line of text, such as `0 -> @transfer(20) [handle=0x0] (17) \x00Sw…`.
///
/// The responses of SASL are omitted, because they contain secrets. The payload of messages is limited.
///
/// Lines have the format of proton's, which are not used because proton 0.37 reads beyond the end of malformed frames.
package enum FrameText {
    /// The maximum length of a line without its payload, in bytes.
    static let maxLength = 4_096

    /// - Parameters:
    ///   - frame: a complete frame, or a protocol header.
    ///   - payload: the maximum number of characters of a frame's payload.
    package static func line(_ frame: [UInt8], isIncoming: Bool, payload: Int) -> String {
        let way = isIncoming ? "<-" : "->"
        guard frame.count >= 8 else { return "  \(way) (no frame)" }
        if frame.starts(with: "AMQP".utf8) { return "  \(way) \(headerName(frame))" }
        let start = "\(Int(frame[6]) << 8 | Int(frame[7])) \(way) "
        let body = frame.dropFirst(4 * Int(frame[4]))
        if body.isEmpty { return start + "(EMPTY FRAME)" }
        guard let size = performativeSize(Array(body)), let value = decoded(body.prefix(size)) else {
            return start + "(malformed, \(body.count) bytes)"
        }
        if frame[5] != 0 { return start + withoutSecrets(value) }
        var line = start
        append(value, to: &line)
        line = bounded(line, maxLength)
        let rest = body.dropFirst(size)
        guard !rest.isEmpty else { return line }
        line += " (\(rest.count))"
        // A byte takes at least one character.
        return payload > 0 ? line + " " + bounded(rest.prefix(payload + 1).quoted, payload) : line
    }

    private static func headerName(_ header: [UInt8]) -> String {
        switch header[4...] {
        case [0, 1, 0, 0]: "AMQP"
        case [3, 1, 0, 0]: "SASL"
        default: "AMQP \(header[5...].map(String.init).joined(separator: ".")), protocol \(header[4])"
        }
    }

    private static func performativeSize(_ body: [UInt8]) -> Int? {
        body.withUnsafeBytes { bytes in bytes.baseAddress.flatMap { Encoded.size($0, 0, bytes.count) } }
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> AMQPValue? {
        let limits = DecodingLimits(depth: 16, elements: 10_000, totalSize: bytes.count)
        return try? AMQPValue(decoding: Array(bytes), limits: limits)
    }

    /// The frame's name, the names of mechanisms, and the code of the outcome.
    private static func withoutSecrets(_ value: AMQPValue) -> String {
        guard case .described(let described) = value, case .list(let fields) = described.value else { return "[…]" }
        var line = "@"
        let shape = appendName(described.descriptor, to: &line)
        switch (shape?.name, fields.first) {
        case ("sasl-mechanisms", let names?):
            line += "[sasl-server-mechanisms="
            append(names, to: &line)
            return bounded(line, maxLength) + "]"
        case ("sasl-init", .symbol(let name)?):
            line += "[mechanism="
            append(.symbol(name), to: &line)
            return bounded(line, 128) + ", …]"
        case ("sasl-outcome", .ubyte(let code)?): return bounded(line, 128) + "[code=\(hexadecimal(code))]"
        default: return bounded(line, 128) + "[…]"
        }
    }

    // MARK: Values

    /// Appends a descriptor, with its name.
    @discardableResult
    private static func appendName(_ descriptor: AMQPValue, to line: inout String) -> ListShape? {
        guard case .ulong(let code) = descriptor else {
            append(descriptor, to: &line)
            line += " "
            return nil
        }
        let shape = ListShape.of(code)
        line += shape.map { "\($0.name)(\(code)) " } ?? "\(code) "
        return shape
    }

    /// Appends a value, unless the line is already too long.
    private static func append(_ value: AMQPValue, to line: inout String) {
        guard line.utf8.count <= maxLength else { return }
        switch value {
        case .null: line += "null"
        case .boolean(let value): line += "\(value)"
        case .ubyte(let value): line += hexadecimal(value)
        case .ushort(let value): line += hexadecimal(value)
        case .uint(let value): line += hexadecimal(value)
        case .ulong(let value): line += hexadecimal(value)
        case .timestamp(let value): line += "\(value.milliseconds)"
        case .string(let text): line += "\"\(text.utf8.prefix(maxLength).quoted)\""
        case .binary(let bytes): line += "b\"\(bytes.prefix(maxLength).quoted)\""
        case .symbol(let symbol):
            let name = symbol.name.utf8.prefix(maxLength)
            line += name.isPlain ? ":\(name.quoted)" : ":\"\(name.quoted)\""
        case .list(let values): append(values, "[", "]", to: &line)
        case .array(let array): append(array.elements, "@<\(array.elementType)>[", "]", to: &line)
        case .map(let map):
            line += "{"
            for (index, pair) in map.enumerated() where line.utf8.count <= maxLength {
                if index > 0 { line += ", " }
                append(pair.0.amqpValue, to: &line)
                line += "="
                append(pair.1, to: &line)
            }
            line += "}"
        case .described(let described):
            line += "@"
            let shape = appendName(described.descriptor, to: &line)
            if let shape, case .list(let fields) = described.value {
                append(fields, of: shape, to: &line)
            } else {
                append(described.value, to: &line)
            }
        default: line += value.description
        }
    }

    private static func append(_ values: [AMQPValue], _ start: String, _ end: String, to line: inout String) {
        line += start
        for (index, value) in values.enumerated() where line.utf8.count <= maxLength {
            if index > 0 { line += ", " }
            append(value, to: &line)
        }
        line += end
    }

    /// Appends fields with their names, without null fields.
    private static func append(_ fields: [AMQPValue], of shape: ListShape, to line: inout String) {
        line += "["
        var isFirst = true
        for (index, field) in fields.enumerated() where !field.isNull && line.utf8.count <= maxLength {
            if !isFirst { line += ", " }
            isFirst = false
            if index < shape.fields.count { line += "\(shape.fields[index].name)=" }
            append(field, to: &line)
        }
        line += "]"
    }

    private static func hexadecimal(_ value: some BinaryInteger) -> String { "0x\(String(value, radix: 16))" }

    private static func bounded(_ text: String, _ count: Int) -> String {
        text.utf8.count <= count ? text : String(decoding: text.utf8.prefix(count), as: UTF8.self) + "…"
    }
}

extension Sequence<UInt8> {
    /// Whether a symbol needs no quotes: it has only letters, digits and hyphens.
    fileprivate var isPlain: Bool {
        var isEmpty = true
        for byte in self {
            isEmpty = false
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                break
            default: return false
            }
        }
        return !isEmpty
    }
}
