// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

/// What is printed is what Python prints for the same value; the texts here were printed by Debian's binding.
struct DescriptionTests {
    /// A value, as `print()` shows it, and as `repr()` does.
    struct Row: Sendable {
        var value: AMQPValue
        var printed: String
        var represented: String

        init(_ value: AMQPValue, _ printed: String, _ represented: String) {
            self.value = value
            self.printed = printed
            self.represented = represented
        }
    }

    static var texts: [Row] {
        [
            Row(.null, "None", "None"),
            Row(true, "True", "True"),
            Row(false, "False", "False"),
            Row(.ubyte(1), "ubyte(1)", "ubyte(1)"),
            Row(.ushort(2), "ushort(2)", "ushort(2)"),
            Row(.uint(3), "uint(3)", "uint(3)"),
            Row(.ulong(4), "ulong(4)", "ulong(4)"),
            Row(.byte(-5), "byte(-5)", "byte(-5)"),
            Row(.short(-6), "short(-6)", "short(-6)"),
            Row(.int(-7), "int32(-7)", "int32(-7)"),
            Row(8, "8", "8"),
            Row(.float(1.5), "float32(1.5)", "float32(1.5)"),
            Row(.float(0.1), "float32(0.10000000149011612)", "float32(0.10000000149011612)"),
            Row(2.5, "2.5", "2.5"),
            Row(1e16, "1e+16", "1e+16"),
            Row(9.5e15, "9500000000000000.0", "9500000000000000.0"),
            Row(1e22, "1e+22", "1e+22"),
            Row(0.0001, "0.0001", "0.0001"),
            Row(0.00001, "1e-05", "1e-05"),
            Row(-0.0, "-0.0", "-0.0"),
            Row(.double(.infinity), "inf", "inf"),
            Row(.double(.nan), "nan", "nan"),
            Row(.decimal32(Decimal32(bits: 5)), "decimal32(5)", "decimal32(5)"),
            Row(.decimal64(Decimal64(bits: 6)), "decimal64(6)", "decimal64(6)"),
            Row(
                .decimal128(Decimal128(high: 0x3031_3233_3435_3637, low: 0x3839_6162_6364_6566)),
                "b'0123456789abcdef'", "decimal128(b'0123456789abcdef')"
            ),
            Row(.char("x"), "x", "char('x')"),
            Row(.timestamp(1_700_000_000_000), "timestamp(1700000000000)", "timestamp(1700000000000)"),
            Row(
                .uuid(AMQPUUID(high: 0, low: 5)),
                "00000000-0000-0000-0000-000000000005", "UUID('00000000-0000-0000-0000-000000000005')"
            ),
            Row(.binary([0x61, 0x62, 0, 10, 0x27, 0x22]), #"b'ab\x00\n\'"'"#, #"b'ab\x00\n\'"'"#),
            Row(.binary([0x27]), #"b"'""#, #"b"'""#),
            Row(.binary([]), "b''", "b''"),
            Row("he'l\"lo\n", "he'l\"lo\n", #"'he\'l"lo\n'"#),
            Row("it's", "it's", #""it's""#),
            Row("", "", "''"),
            Row("é\u{200b}\u{1F600}\u{a0}", "é\u{200b}\u{1F600}\u{a0}", #"'é\u200b😀\xa0'"#),
            Row(.symbol("sym"), "sym", "symbol('sym')"),
            Row([1, "a", .null], "[1, 'a', None]", "[1, 'a', None]"),
            Row([], "[]", "[]"),
            Row(
                ["sequence": 1, .symbol("k"): .binary([0x78])],
                "{'sequence': 1, symbol('k'): b'x'}", "{'sequence': 1, symbol('k'): b'x'}"
            ),
            Row([:], "{}", "{}"),
            Row(
                .described(Described(descriptor: .symbol("d"), value: [1])),
                "Described(symbol('d'), [1])", "Described(symbol('d'), [1])"
            ),
            Row(
                .described(Described(descriptor: .ulong(0x77), value: "x")),
                "Described(ulong(119), 'x')", "Described(ulong(119), 'x')"
            ),
            Row(
                array(.int, [.int(1), .int(2)]), "Array(UNDESCRIBED, 8, int32(1), int32(2))",
                "Array(UNDESCRIBED, 8, int32(1), int32(2))"),
            Row(
                array(.symbol, [.symbol("a")]), "Array(UNDESCRIBED, 21, symbol('a'))",
                "Array(UNDESCRIBED, 21, symbol('a'))"
            ),
            Row(
                array(.string, by: [.symbol("dd")], ["a", "b"]),
                "Array(symbol('dd'), 20, 'a', 'b')", "Array(symbol('dd'), 20, 'a', 'b')"
            ),
        ]
    }

    static func array(_ type: AMQPType, by descriptors: [AMQPValue] = [], _ elements: [AMQPValue]) -> AMQPValue {
        AMQPArray(of: type, descriptors: descriptors, elements).map { .array($0) } ?? .null
    }

    @Test func values() {
        for row in Self.texts {
            #expect("\(row.value)" == row.printed)
            #expect(String(reflecting: row.value) == row.represented)
        }
    }

    @Test func bodies() {
        #expect("\(Message(body: "Hello World!").body)" == "Hello World!")
        #expect("\(Message(id: 1, body: ["sequence": 1]).body)" == "{'sequence': 1}")
        #expect("\(Message(body: .data([0x78])).body)" == "b'x'")
        #expect("\(Message(body: .dataSections([[0x78], [0x79]])).body)" == "b'xy'")
        #expect("\(Message(body: .sequence([1, "a"])).body)" == "[1, 'a']")
        #expect("\(Message().body)" == "None")
    }

    @Test func messages() {
        #expect("\(Message())" == "Message(priority=4)")
        let message = Message(
            id: 1, body: ["sequence": 1], properties: ["a": 1, "b": .ulong(2)], annotations: ["x": 1], isDurable: true,
            timeToLive: .seconds(5))
        #expect(
            "\(message)" == """
                Message(durable=True, ttl=5.0, priority=4, id=1, annotations=AnnotationDict({symbol('x'): 1}), \
                properties={'a': 1, 'b': ulong(2)}, body={'sequence': 1})
                """)
    }

    @Test func conditions() {
        #expect(String(reflecting: Condition("a", "b", info: ["c": 1])) == "Condition('a', 'b', {'c': 1})")
        #expect(String(reflecting: Condition("a")) == "Condition('a')")
    }
}
