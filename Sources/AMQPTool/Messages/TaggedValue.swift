// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials

/// Values of types that JSON has not: an object with one key, which names the type, such as `{"$uint": 5}`.
///
/// | type | JSON |
/// | --- | --- |
/// | `null`, `boolean`, `string`, `long`, `double`, `list`, `map` with strings as keys | as JSON has them |
/// | `binary` | `{"$base64": "aGVsbG8="}` |
/// | `timestamp` | `{"$timestamp": "2026-01-31T12:00:00.000Z"}` |
/// | `uuid`, `symbol`, `char` | `{"$uuid": "…"}`, `{"$symbol": "…"}`, `{"$char": "…"}` |
/// | other numbers | `{"$uint": 5}`, `{"$float": 1.5}`; what is not finite as a text: `{"$double": "nan"}` |
/// | `decimal32` and the like | their bits in base64: `{"$decimal32": "…"}` |
/// | `array` | `{"$array": {"type": "int", "elements": […]}}` |
/// | other maps | `{"$map": [[key, value], …]}` |
/// | described values | `{"$described": [descriptor, value]}` |
enum TaggedValue {
    /// The value that a key and what it has say.
    /// - Throws: `ArgumentProblem`.
    static func read(_ key: String, _ content: AMQPValue) throws(ArgumentProblem) -> AMQPValue {
        let type = key == "$base64" ? "binary" : String(key.dropFirst())
        switch type {
        case "map": return try map(content)
        case "array": return try array(content)
        case "described":
            guard let parts = content.listValue, parts.count == 2 else { throw problem(key) }
            return .described(Described(descriptor: parts[0], value: parts[1]))
        case "decimal32", "decimal64", "decimal128":
            guard let value = content.stringValue.flatMap(TypedValue.base64).flatMap(decimal) else {
                throw problem(key)
            }
            return value
        default:
            guard let text = text(content) else { throw problem(key) }
            return try TypedValue.value(text, type: type)
        }
    }

    private static func problem(_ key: String) -> ArgumentProblem {
        ArgumentProblem("\"\(key)\" has another value than this type has.")
    }

    /// A number or a text as the text of an argument.
    private static func text(_ content: AMQPValue) -> String? {
        switch content {
        case .string(let text): text
        case .long(let number): String(number)
        case .ulong(let number): String(number)
        case .double(let number): String(number)
        case .boolean(let flag): String(flag)
        default: nil
        }
    }

    private static func map(_ content: AMQPValue) throws(ArgumentProblem) -> AMQPValue {
        guard let pairs = content.listValue?.map(\.listValue) else { throw problem("$map") }
        var map = AMQPMap()
        for pair in pairs {
            guard let pair, pair.count == 2 else { throw problem("$map") }
            map[pair[0]] = pair[1]
        }
        return .map(map)
    }

    private static func array(_ content: AMQPValue) throws(ArgumentProblem) -> AMQPValue {
        let descriptors = content["descriptors"]?.listValue ?? []
        guard let name = content["type"]?.stringValue, let elements = content["elements"]?.listValue,
            let type = AMQPType.allCases.first(where: { "\($0)" == name }),
            let array = AMQPArray(of: type, descriptors: descriptors, elements)
        else { throw problem("$array") }
        return .array(array)
    }

    private static func decimal(_ bytes: [UInt8]) -> AMQPValue? {
        func bits<T: FixedWidthInteger>(_ bytes: some Sequence<UInt8>) -> T { bytes.reduce(0) { $0 << 8 | T($1) } }
        return switch bytes.count {
        case 4: .decimal32(Decimal32(bits: bits(bytes)))
        case 8: .decimal64(Decimal64(bits: bits(bytes)))
        case 16: .decimal128(Decimal128(high: bits(bytes.prefix(8)), low: bits(bytes.suffix(8))))
        default: nil
        }
    }
}
