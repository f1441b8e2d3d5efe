// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import AMQPTool

/// AMQP values as JSON, and back.
struct JSONTests {
    static let values: [(value: AMQPValue, json: String)] = [
        (.null, "null"), (.boolean(true), "true"), (.string("a\"b\\\n\u{7}é"), #""a\"b\\\n\u0007é""#),
        (.long(-5), "-5"), (.long(.max), "9223372036854775807"), (.long(.min), "-9223372036854775808"),
        (.double(1.5), "1.5"), (.double(.infinity), #"{"$double":"inf"}"#),
        (.ubyte(1), #"{"$ubyte":1}"#), (.ushort(1), #"{"$ushort":1}"#), (.uint(1), #"{"$uint":1}"#),
        (.ulong(.max), #"{"$ulong":18446744073709551615}"#), (.byte(-1), #"{"$byte":-1}"#),
        (.short(-1), #"{"$short":-1}"#), (.int(-1), #"{"$int":-1}"#), (.float(0.1), #"{"$float":0.1}"#),
        (.float(-.infinity), #"{"$float":"-inf"}"#), (.char("é"), #"{"$char":"é"}"#),
        (.timestamp(0), #"{"$timestamp":"1970-01-01T00:00:00.000Z"}"#),
        (.timestamp(-1), #"{"$timestamp":"1969-12-31T23:59:59.999Z"}"#),
        (.timestamp(Timestamp(milliseconds: .max)), #"{"$timestamp":9223372036854775807}"#),
        (.uuid(AMQPUUID(high: 1, low: 2)), #"{"$uuid":"00000000-0000-0001-0000-000000000002"}"#),
        (.binary([0, 1, 255]), #"{"$base64":"AAH/"}"#), (.symbol("s"), #"{"$symbol":"s"}"#),
        (.decimal32(Decimal32(bits: 1)), #"{"$decimal32":"AAAAAQ=="}"#),
        (.decimal64(Decimal64(bits: 1)), #"{"$decimal64":"AAAAAAAAAAE="}"#),
        (.decimal128(Decimal128(high: 1, low: 2)), #"{"$decimal128":"AAAAAAAAAAEAAAAAAAAAAg=="}"#),
        (.list([.long(1), .null, .list([])]), "[1,null,[]]"), (.map([:]), "{}"),
        (.map([.string("a"): .uint(1), .string("b"): .list([])]), #"{"a":{"$uint":1},"b":[]}"#),
        (.map([.long(1): .string("x")]), #"{"$map":[[1,"x"]]}"#),
        // An object that looks like a tagged value.
        (.map([.string("$uint"): .long(1)]), #"{"$map":[["$uint",1]]}"#),
        (.described(Described(descriptor: .symbol("d"), value: .long(1))), #"{"$described":[{"$symbol":"d"},1]}"#),
    ]

    @Test("A value has its JSON, which is read as the same value", arguments: values)
    func roundTrip(expected: (value: AMQPValue, json: String)) throws {
        #expect(JSONText.of(expected.value) == expected.json)
        #expect(try JSONInput.value(Array(expected.json.utf8)) == expected.value)
    }

    @Test("Arrays, described ones too")
    func arrays() throws {
        let plain = try #require(AMQPArray(of: .int, [.int(1), .int(2)]))
        let described = try #require(AMQPArray(of: .symbol, descriptors: [.ulong(7)], [.symbol("a")]))
        for array in [plain, described] {
            let json = JSONText.of(.array(array))
            #expect(try JSONInput.value(Array(json.utf8)) == .array(array), "\(json)")
        }
    }

    @Test(
        "Any JSON is a value",
        arguments: [
            (
                "{\"b\": 1.0e2, \"a\": [1, 2.5, false]}",
                AMQPValue.map([.string("a"): .list([1, 2.5, false]), .string("b"): 100])
            ),
            ("\"\\u00e9\"", .string("é")), (" 18446744073709551615 ", .ulong(.max)),
        ])
    func anyJSON(text: String, value: AMQPValue) throws {
        #expect(try JSONInput.value(Array(text.utf8)) == value)
    }

    @Test(
        "What is no JSON, or no value, is refused",
        arguments: [
            "", "{", "nope", "{\"$uint\":-1}", "{\"$what\":1}", "{\"$base64\":\"?\"}", "{\"$map\":[[1]]}",
            "{\"$described\":[1]}", "{\"$array\":{\"type\":\"int\",\"elements\":[\"x\"]}}", "{\"$uint\":[1]}",
            "{\"$decimal32\":\"AA==\"}",
        ])
    func refused(text: String) {
        #expect(throws: ToolError.self) { try JSONInput.value(Array(text.utf8)) }
    }

    @Test("Deep nesting ends in an error", arguments: [101, 500, 100_000])
    func deep(depth: Int) {
        let text = String(repeating: "[", count: depth + 1) + String(repeating: "]", count: depth + 1)
        #expect(throws: ToolError.self) { try JSONInput.value(Array(text.utf8)) }
    }

    @Test("Nothing of a text changes a terminal")
    func controls() {
        #expect(JSONText.of(.string("\u{1b}[2J\u{9b}\u{202e}")) == #""\u001b[2J\u009b\u202e""#)
    }
}
