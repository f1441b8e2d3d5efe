// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Values as the Python binding prints them, so that a program ported from Python prints the same bytes.

extension AMQPValue: CustomStringConvertible {
    /// The value as Python's `print()` shows it: strings, symbols and characters bare, other values as ``debugDescription``.
    ///
    /// Characters that would change the display of a terminal, such as its escape sequences, are written as `\u{…}`; line ends
    /// and tabs stay. For the unchanged text use ``stringValue``.
    public var description: String {
        switch self {
        case .string(let value): value.escapedLines
        case .symbol(let value): value.description
        case .char(let value): String(Character(value)).escapedLines
        case .uuid(let value): value.description
        case .decimal128(let value): pythonText(ofBytes: value.bytes)
        default: debugDescription
        }
    }
}

extension AMQPValue: CustomDebugStringConvertible {
    /// The value as Python's `repr()` shows it, also used for the elements of lists and maps.
    public var debugDescription: String {
        switch self {
        case .null: "None"
        case .boolean(let value): value ? "True" : "False"
        case .ubyte(let value): "ubyte(\(value))"
        case .ushort(let value): "ushort(\(value))"
        case .uint(let value): "uint(\(value))"
        case .ulong(let value): "ulong(\(value))"
        case .byte(let value): "byte(\(value))"
        case .short(let value): "short(\(value))"
        case .int(let value): "int32(\(value))"
        case .long(let value): "\(value)"
        case .float(let value): "float32(\(pythonText(of: Double(value))))"
        case .double(let value): pythonText(of: value)
        case .decimal32(let value): "decimal32(\(value.bits))"
        case .decimal64(let value): "decimal64(\(value.bits))"
        case .decimal128(let value): "decimal128(\(pythonText(ofBytes: value.bytes)))"
        case .char(let value): "char(\(pythonText(of: String(Character(value)))))"
        case .timestamp(let value): value.description
        case .uuid(let value): "UUID('\(value)')"
        case .binary(let value): pythonText(ofBytes: value)
        case .string(let value): pythonText(of: value)
        case .symbol(let value): "symbol(\(pythonText(of: value.name)))"
        case .list(let elements): "[\(elements.map(\.debugDescription).joined(separator: ", "))]"
        case .map(let map): map.description
        case .array(let array): pythonText(of: array)
        case .described(let value): "Described(\(value.descriptor.debugDescription), \(value.value.debugDescription))"
        }
    }
}

extension OrderedMap: CustomStringConvertible {
    /// The map as the Python binding prints it: `{'sequence': 1}`.
    public var description: String {
        let texts = map { pair in "\(pair.0.amqpValue.debugDescription): \(pair.1.debugDescription)" }
        return "{\(texts.joined(separator: ", "))}"
    }
}

extension Decimal128 {
    fileprivate var bytes: [UInt8] { AMQPUUID(high: high, low: low).bytes }
}

/// A float as Python writes it: without an exponent from 0.0001 up to 1e16. Swift does so only up to 2^53.
private func pythonText(of value: Double) -> String {
    guard value.magnitude < 1e16, value.magnitude >= 0x1p53 else { return value.description }
    // From 2^53 on, every number is whole.
    return "\(Int64(value)).0"
}

/// An array as Python writes it: the descriptor, proton's number of the type, and the elements.
private func pythonText(of array: AMQPArray) -> String {
    let descriptor = array.descriptors.first.map(\.debugDescription) ?? "UNDESCRIBED"
    let parts = [descriptor, "\(array.elementType.protonNumber)"] + array.elements.map(\.debugDescription)
    return "Array(\(parts.joined(separator: ", ")))"
}

/// A text in quotes with escapes, as Python's `repr()` of a `str`.
private func pythonText(of text: String) -> String {
    let quote: Unicode.Scalar = text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for scalar in text.unicodeScalars {
        switch scalar {
        case quote, "\\": result += "\\\(scalar)"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
        case _ where scalar.value < 0x100: result += "\\x" + hex(scalar.value, digits: 2)
        case _ where scalar.value < 0x10000: result += "\\u" + hex(scalar.value, digits: 4)
        default: result += "\\U" + hex(scalar.value, digits: 8)
        }
    }
    result.unicodeScalars.append(quote)
    return result
}

/// Bytes in quotes with escapes, as Python's `repr()` of a `bytes`.
private func pythonText(ofBytes bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    let quote: UInt8 = bytes.contains(0x27) && !bytes.contains(0x22) ? 0x22 : 0x27
    var result = "b" + String(Unicode.Scalar(quote))
    for byte in bytes {
        switch byte {
        case quote, 0x5c: result += "\\" + String(Unicode.Scalar(byte))
        case 0x0a: result += "\\n"
        case 0x0d: result += "\\r"
        case 0x09: result += "\\t"
        case 0x20..<0x7f: result.unicodeScalars.append(Unicode.Scalar(byte))
        default: result += "\\x" + hex(UInt32(byte), digits: 2)
        }
    }
    return result + String(Unicode.Scalar(quote))
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x20..<0x7f).contains(scalar.value) }
    return switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
        false
    default: true
    }
}

private func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
