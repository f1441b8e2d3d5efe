// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

/// Literals, conversions, and the small types.
struct ValueTests {
    @Test func literals() {
        let value: AMQPValue = ["a": 1, "b": 2.5, "c": .null, "d": [true, "x\(1)"], 5: ["k": "v"]]
        #expect(value["a"] == .long(1) && value["b"] == .double(2.5) && value["c"] == .some(.null))
        #expect(value["d"]?[0] == true && value["d"]?[1] == "x1" && value[key: 5]?["k"] == "v")
        #expect(value["z"] == nil && value["d"]?[2] == nil && value["d"]?[-1] == nil && value["a"]?["b"] == nil)
        #expect(value[0] == nil && value["a"]?[0] == nil)
    }

    @Test func conversions() {
        let numbers: [AMQPValue] = [
            .ubyte(7), .ushort(7), .uint(7), .ulong(7), .byte(7), .short(7), .int(7), .long(7),
        ]
        for number in numbers {
            #expect(number.intValue == 7 && number.uintValue == 7 && number.integer(as: Int8.self) == 7)
            #expect(number.doubleValue == 7)
            #expect(number.stringValue == nil && number.boolValue == nil)
        }
        #expect(Set(numbers).count == numbers.count)
        #expect(AMQPValue.ulong(.max).intValue == nil && AMQPValue.byte(-1).uintValue == nil)
        #expect(AMQPValue.long(300).integer(as: UInt8.self) == nil && AMQPValue.timestamp(1).intValue == nil)
        #expect(AMQPValue.float(1.5).doubleValue == 1.5 && AMQPValue.string("1").intValue == nil)
        #expect(AMQPValue(7) == .long(7) && AMQPValue(UInt8(7)) == .ubyte(7) && AMQPValue("x") == .string("x"))
        #expect(AMQPValue.symbol("x").symbolValue == "x" && AMQPValue.symbol("x").stringValue == nil)
        #expect(AMQPValue.null.isNull && AMQPValue.null.type == .null && ([1] as AMQPValue).type == .list)
    }

    @Test func equality() {
        #expect(AMQPValue.double(.nan) == .double(.nan) && AMQPValue.double(0.0) != .double(-0.0))
        #expect(AMQPValue.uint(1) != .ulong(1) && AMQPValue.string("a") != .symbol("a"))
        let map: AMQPMap = ["a": 1, "b": 2]
        #expect(map == ["a": 1, "b": 2] && map != ["b": 2, "a": 1])
    }

    @Test func maps() {
        var map: AMQPMap = ["a": 1, "b": 2, "a": 3]
        #expect(map.count == 2 && map["a"] == 3 && map.keys == ["a", "b"] && map.values == [3, 2])
        map["c"] = .null
        map["b"] = nil
        #expect(map["c"] == .some(.null) && map["b"] == nil && map.count == 2)
        #expect(map.map { "\($0.key)=\($0.value)" } == ["a=3", "c=None"])
        // Beyond 16 pairs, distinctness is found in another way.
        let many = AMQPMap((0..<50).map { (.long(Int64($0 % 40)), .long(Int64($0))) })
        #expect(many.count == 40 && many[3] == 43 && many[39] == 39)
        #expect(many.keys == (0..<40).map { .long($0) })
        let properties = ApplicationProperties((0..<3).map { ("k\($0)", .long($0)) })
        #expect(properties["k2"] == 2 && AMQPMap(properties)["k1"] == 1)
        #expect(Annotations(AMQPMap(["a" as AnnotationKey: 1] as Annotations)) == ["a": 1])
        #expect(Annotations(["text": 1] as AMQPMap) == nil && ApplicationProperties([1: 1] as AMQPMap) == nil)
    }

    @Test func arrays() {
        #expect(AMQPArray([1, 2])?.elementType == .long && AMQPArray([]) == nil && AMQPArray([1, "a"]) == nil)
        #expect(AMQPArray(of: .symbol, []) != nil && AMQPArray(of: .symbol, ["a"]) == nil)
        #expect(AMQPArray(["a", "b"] as [Symbol]).elements == [.symbol("a"), .symbol("b")])
    }

    @Test func symbols() {
        #expect(Symbol("a") == "a" && Symbol(exactly: "é") == nil && Symbol("é") == "?" && "\(Symbol("a"))" == "a")
        #expect(Symbol("application/octet-stream, and é") == "application/octet-stream, and ?")
    }

    @Test func uuids() throws {
        let text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
        let uuid = try #require(AMQPUUID(text))
        #expect(uuid.description == text && AMQPUUID(text.uppercased()) == uuid && AMQPUUID(bytes: uuid.bytes) == uuid)
        for wrong in ["", "f81d4fae", text + "0", text.replacing("-", with: "0"), text.replacing("f", with: "g")] {
            #expect(AMQPUUID(wrong) == nil)
        }
        let random = AMQPUUID.random()
        #expect(random.bytes[6] >> 4 == 4 && random.bytes[8] >> 6 == 0b10 && random != AMQPUUID.random())
    }

    @Test func messageIDs() {
        #expect(MessageID(1) == 1 && MessageID(-1 as Int) == 0 && MessageID("a") == "a")
        let ids: [MessageID] = [1, "1", .binary([1]), .uuid(AMQPUUID(high: 0, low: 1))]
        #expect(Set(ids).count == 4 && ids[0].ulongValue == 1 && ids[1].ulongValue == nil && ids[1].stringValue == "1")
        #expect(MessageID(.max as UInt64).intValue == nil && "\(ids[0]) \(ids[1]) \(ids[2])" == "1 1 b'\\x01'")
    }
}
