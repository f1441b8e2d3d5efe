// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials

/// JSON in one line, of AMQP values: types that JSON has not are as `TaggedValue` has them.
struct JSONText {
    private(set) var text = ""

    /// The JSON of a value.
    static func of(_ value: AMQPValue) -> String {
        var json = JSONText()
        json.write(value)
        return json.text
    }

    /// Writes an object: each member by its own closure, which writes its value.
    mutating func writeObject(_ members: [(String, (inout JSONText) -> Void)]) {
        text += "{"
        for (index, (key, write)) in members.enumerated() {
            if index > 0 { text += "," }
            writeText(key)
            text += ":"
            write(&self)
        }
        text += "}"
    }

    mutating func writeList<Element>(_ elements: some Sequence<Element>, _ write: (inout JSONText, Element) -> Void) {
        text += "["
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            write(&self, element)
        }
        text += "]"
    }

    mutating func write(_ value: AMQPValue) {
        switch value {
        case .null: text += "null"
        case .boolean(let flag): text += flag ? "true" : "false"
        case .long(let number): text += "\(number)"
        case .double(let number) where number.isFinite: text += "\(number)"
        case .string(let string): writeText(string)
        case .list(let elements): writeList(elements) { $0.write($1) }
        case .map(let map): write(map)
        case .array(let array): write(array)
        case .described(let described):
            writeTag("described") { $0.writeList([described.descriptor, described.value]) { $0.write($1) } }
        case .binary(let bytes): writeTag("base64") { $0.writeText(Data(bytes).base64EncodedString()) }
        default: writeScalar(value)
        }
    }

    private mutating func writeScalar(_ value: AMQPValue) {
        let name = value.type.map { "\($0)" } ?? "null"
        switch value {
        case .double(let number): writeTag(name) { $0.writeText("\(number)") }
        case .float(let number) where !number.isFinite: writeTag(name) { $0.writeText("\(number)") }
        case .float(let number): writeTag(name) { $0.text += "\(number)" }
        case .char(let scalar): writeTag(name) { $0.writeText(String(Character(scalar))) }
        case .symbol(let symbol): writeTag(name) { $0.writeText(symbol.name) }
        case .uuid(let uuid): writeTag(name) { $0.writeText(uuid.description) }
        case .timestamp(let time): writeTag(name) { $0.write(time) }
        case .decimal32(let decimal): writeTag(name) { $0.writeBits([UInt64(decimal.bits)], 4) }
        case .decimal64(let decimal): writeTag(name) { $0.writeBits([decimal.bits], 8) }
        case .decimal128(let decimal): writeTag(name) { $0.writeBits([decimal.high, decimal.low], 8) }
        default:
            let number = value.uintValue.map(String.init) ?? value.intValue.map(String.init) ?? "0"
            writeTag(name) { $0.text += number }
        }
    }

    /// A time by ISO 8601, or in milliseconds where that has no form for it.
    mutating func write(_ time: Timestamp) {
        if let iso = time.isoText { writeText(iso) } else { text += "\(time.milliseconds)" }
    }

    /// A map of strings is an object, in the map's order; one that could be taken for a tagged value is none.
    private mutating func write(_ map: AMQPMap) {
        let names = map.keys.map(\.stringValue)
        let isObject = names.allSatisfy { $0 != nil } && !(names.count == 1 && names[0]?.hasPrefix("$") == true)
        if isObject {
            writeObject(map.map { key, value in (key.stringValue ?? "", { $0.write(value) }) })
        } else {
            writeTag("map") { json in
                json.writeList(map) { json, pair in json.writeList([pair.key, pair.value]) { $0.write($1) } }
            }
        }
    }

    private mutating func write(_ array: AMQPArray) {
        writeTag("array") { json in
            var members: [(String, (inout JSONText) -> Void)] = [
                ("type", { $0.writeText("\(array.elementType)") }),
                ("elements", { $0.writeList(array.elements) { $0.write($1) } }),
            ]
            if !array.descriptors.isEmpty {
                members.append(("descriptors", { $0.writeList(array.descriptors) { $0.write($1) } }))
            }
            json.writeObject(members)
        }
    }

    private mutating func writeTag(_ name: String, _ write: (inout JSONText) -> Void) {
        text += "{\"$\(name)\":"
        write(&self)
        text += "}"
    }

    private mutating func writeBits(_ words: [UInt64], _ size: Int) {
        let bytes = words.flatMap { word in
            (0..<size).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64(size - 1 - $0))) }
        }
        writeText(Data(bytes).base64EncodedString())
    }

    mutating func writeText(_ string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            // Those that JSON does not allow, and those that could change what a terminal shows.
            case _ where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) || scalar.properties.isBidiControl:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
