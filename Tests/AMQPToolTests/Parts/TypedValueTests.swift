// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import AMQPTool

/// Values as arguments have them: `name=text`, `name:type=value`.
struct TypedValueTests {
    static let values: [(argument: String, name: String, value: AMQPValue)] = [
        ("kind=greeting", "kind", .string("greeting")), ("kind=", "kind", .string("")),
        ("kind=a=b", "kind", .string("a=b")), ("a:string=x:y", "a", .string("x:y")),
        ("a:b:string=x", "a:b", .string("x")), ("a:symbol=x", "a", .symbol("x")), ("a:bool=true", "a", .boolean(true)),
        ("a:boolean=false", "a", .boolean(false)), ("a:byte=-128", "a", .byte(-128)), ("a:ubyte=255", "a", .ubyte(255)),
        ("a:short=-5", "a", .short(-5)), ("a:ushort=65535", "a", .ushort(65_535)), ("a:int=5", "a", .int(5)),
        ("a:uint=5", "a", .uint(5)), ("a:long=-9223372036854775808", "a", .long(.min)),
        ("a:ulong=18446744073709551615", "a", .ulong(.max)), ("a:float=1.5", "a", .float(1.5)),
        ("a:double=-2.5e3", "a", .double(-2_500)), ("a:char=é", "a", .char("é")),
        ("a:timestamp=1500", "a", .timestamp(1_500)),
        ("a:timestamp=2026-01-31T12:00:00Z", "a", .timestamp(1_769_860_800_000)),
        ("a:timestamp=2026-01-31T12:00:00.250Z", "a", .timestamp(1_769_860_800_250)),
        (
            "a:uuid=F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "a",
            .uuid(AMQPUUID(high: 0xf81d_4fae_7dec_11d0, low: 0xa765_00a0_c91e_6bf6))
        ),
        ("a:binary=AAH/", "a", .binary([0, 1, 255])), ("a:null=", "a", .null),
    ]

    @Test("A pair has its type", arguments: values)
    func pair(expected: (argument: String, name: String, value: AMQPValue)) throws {
        let (name, value) = try TypedValue.pair(expected.argument)
        #expect(name == expected.name)
        #expect(value == expected.value)
    }

    @Test(
        "What is no pair says why",
        arguments: [
            ("kind", "no '='"), ("=x", "no name"), (":int=5", "no name"), ("a:what=5", "'what' is no type"),
            ("a:int=5.5", "'5.5' is no int"), ("a:int=3000000000", "no int"), ("a:ubyte=-1", "no ubyte"),
            ("a:bool=yes", "write true or false"), ("a:timestamp=soon", "no timestamp"), ("a:uuid=x", "no uuid"),
            ("a:binary=?", "base64"), ("a:char=ab", "no char"), ("a:symbol=é", "no symbol"), ("a:null=x", "no null"),
        ])
    func wrongPair(argument: String, message: String) {
        let error = #expect(throws: ArgumentProblem.self) { try TypedValue.pair(argument) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("A random UUID differs each time, and now is now")
    func generated() throws {
        #expect(try TypedValue.value("random", type: "uuid") != TypedValue.value("random", type: "uuid"))
        let now = try #require(try TypedValue.value("now", type: "timestamp").timestampValue)
        #expect(now.milliseconds > 1_700_000_000_000)
    }

    @Test("A number stands for {n}")
    func numbered() {
        #expect("a {n} of {n}".numbered(17) == "a 17 of 17")
        #expect("a {n}".numbered(nil) == "a {n}")
        #expect("{n".numbered(1) == "{n")
    }
}
