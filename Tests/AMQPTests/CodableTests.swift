// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import AMQP

private struct Item: Codable, Hashable {
    var name: String
    var count: Int32
    var price: Double?
}

private struct Order: Codable, Hashable {
    var number: UInt64
    var items: [Item]
    var lines: [String: Int]
    var digest: [UInt8]
    var note: String?
    var state: State
    var payment: Payment

    enum State: String, Codable { case open, closed }
    enum Payment: Codable, Hashable {
        case cash
        case card(number: String, Int16)
    }
}

private struct Exact: Codable, Hashable {
    var symbol: Symbol = "s"
    var time = Timestamp(milliseconds: -5)
    var uuid = AMQPUUID(high: 1, low: 2)
    var any: AMQPValue = .described(Described(descriptor: 7, value: [.null, .char("ü")]))
    var map: AMQPMap = [.symbol("b"): 1, .ulong(1): .null]
    var array = AMQPArray(["x", "y"] as [Symbol])
    var described = Described(descriptor: .symbol("d"), value: .null)
    var d32 = Decimal32(bits: 1)
    var d64 = Decimal64(bits: 2)
    var d128 = Decimal128(high: 3, low: 4)
}

private class Animal: Codable {
    var legs: Int
    init(legs: Int) { self.legs = legs }
}

/// Puts its superclass under "super".
private final class Dog: Animal {
    var name: String

    init(name: String) {
        self.name = name
        super.init(legs: 4)
    }

    private enum Keys: CodingKey { case name }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        name = try container.decode(String.self, forKey: .name)
        try super.init(from: try container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(name, forKey: .name)
        try super.encode(to: container.superEncoder())
    }
}

/// Uses the nested containers of both kinds.
private struct Matrix: Codable, Hashable {
    var rows: [[Int]]
    var title: String

    private enum Keys: CodingKey { case rows, meta, title }

    init(rows: [[Int]], title: String) { (self.rows, self.title) = (rows, title) }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        let meta = try container.nestedContainer(keyedBy: Keys.self, forKey: .meta)
        title = try meta.decode(String.self, forKey: .title)
        var rows = try container.nestedUnkeyedContainer(forKey: .rows)
        self.rows = []
        while !rows.isAtEnd {
            var columns = try rows.nestedUnkeyedContainer()
            var row: [Int] = []
            while !columns.isAtEnd {
                row.append(try columns.decodeNil() ? 0 : try columns.decode(Int.self))
            }
            self.rows.append(row)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        var rows = container.nestedUnkeyedContainer(forKey: .rows)
        // The nested container stays open while its parent goes on.
        var meta = container.nestedContainer(keyedBy: Keys.self, forKey: .meta)
        for row in self.rows {
            var columns = rows.nestedUnkeyedContainer()
            for value in row {
                if value == 0 { try columns.encodeNil() } else { try columns.encode(value) }
            }
        }
        try meta.encode(title, forKey: .title)
    }
}

@Suite struct CodableTests {
    /// Checks the AMQP value of a Swift value, and that it decodes to the same again.
    private func check<T: Codable & Equatable>(
        _ value: T, _ expected: AMQPValue, _ location: SourceLocation = #_sourceLocation
    ) throws {
        let encoded = try AMQPEncoder().encode(value)
        #expect(encoded == expected, sourceLocation: location)
        #expect(try AMQPDecoder().decode(T.self, from: encoded) == value, sourceLocation: location)
    }

    @Test("Swift's scalar types are the AMQP types of their width, and come back")
    func scalars() throws {
        try check(true, .boolean(true))
        try check(Int8.min, .byte(.min))
        try check(Int16.min, .short(.min))
        try check(Int32.min, .int(.min))
        try check(Int64.min, .long(.min))
        try check(Int.max, .long(.max))
        try check(UInt8.max, .ubyte(.max))
        try check(UInt16.max, .ushort(.max))
        try check(UInt32.max, .uint(.max))
        try check(UInt64.max, .ulong(.max))
        try check(UInt.max, .ulong(.max))
        try check(Float(1.5), .float(1.5))
        try check(-0.1, .double(-0.1))
        try check("grün", .string("grün"))
        try check([UInt8]([0, 255]), .binary([0, 255]))
        try check([UInt8](), .binary([]))
        try check(Int?.none, .null)
        try check(Int?.some(1), .long(1))
        try check(Order.State.closed, .string("closed"))
    }

    @Test("Collections are lists and maps")
    func collections() throws {
        try check([String](), .list([]))
        try check([1, nil, 3] as [Int?], .list([.long(1), .null, .long(3)]))
        try check([[UInt8(1)], []], .list([.binary([1]), .binary([])]))
        try check(["a": 1.5], .map([.string("a"): .double(1.5)]))
        try check([7: "seven"], .map([.string("7"): .string("seven")]))
        try check([true: "yes"], .list([.boolean(true), .string("yes")]))
        try check([String: Int](), .map([:]))
    }

    @Test("Structs, enums with payloads and optionals are maps in the order of their fields")
    func structs() throws {
        let order = Order(
            number: 5, items: [Item(name: "pen", count: 3), Item(name: "ink", count: -1, price: 2.5)], lines: ["a": 1],
            digest: [1, 2], state: .open, payment: .card(number: "12", 34))
        try check(
            order,
            [
                "number": .ulong(5),
                "items": [
                    ["name": "pen", "count": .int(3)],
                    ["name": "ink", "count": .int(-1), "price": 2.5],
                ],
                "lines": ["a": 1],
                "digest": .binary([1, 2]),
                "state": "open",
                "payment": ["card": ["number": "12", "_1": .short(34)]],
            ])
        try check(Order.Payment.cash, ["cash": [:]])
    }

    @Test("AMQP's own types go through as they are")
    func exactTypes() throws {
        let exact = Exact()
        try check(
            exact,
            [
                "symbol": .symbol("s"), "time": .timestamp(exact.time), "uuid": .uuid(exact.uuid), "any": exact.any,
                "map": .map(exact.map), "array": .array(exact.array), "described": .described(exact.described),
                "d32": .decimal32(exact.d32), "d64": .decimal64(exact.d64), "d128": .decimal128(exact.d128),
            ])
        try check([exact.any], .list([exact.any]))
    }

    @Test("Nested containers and superclasses")
    func nesting() throws {
        try check(
            Matrix(rows: [[1, 0], []], title: "m"), ["rows": [[1, .null], []], "meta": ["title": "m"]])
        let dog = try AMQPEncoder().encode(Dog(name: "Rex"))
        #expect(dog == ["name": "Rex", "super": ["legs": 4]])
        let decoded = try AMQPDecoder().decode(Dog.self, from: dog)
        #expect(decoded.name == "Rex")
        #expect(decoded.legs == 4)
    }

    @Test("Foundation's types: data is binary, dates are doubles, UUIDs are strings")
    func foundationTypes() throws {
        try check(Data([1, 2, 3]), .binary([1, 2, 3]))
        try check(Data(), .binary([]))
        try check([Data([9])], .list([.binary([9])]))
        try check(Date(timeIntervalSinceReferenceDate: 1.5), .double(1.5))
        let uuid = try #require(UUID(uuidString: "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"))
        try check(uuid, .string("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"))
        let amqpUUID = try #require(AMQPUUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"))
        #expect(try AMQPDecoder().decode(UUID.self, from: .uuid(amqpUUID)) == uuid)
    }

    @Test("A map with many keys takes time in proportion to their number", .timeLimit(.minutes(1)))
    func manyKeys() throws {
        let many = Dictionary(uniqueKeysWithValues: (0..<50_000).map { ("key \($0)", $0) })
        #expect(try AMQPDecoder().decode([String: Int].self, from: try AMQPEncoder().encode(many)) == many)
    }

    @Test("What other languages send for a type is taken, too")
    func leniency() throws {
        func decode<T: Decodable>(_ value: AMQPValue) throws -> T { try AMQPDecoder().decode(T.self, from: value) }
        for one in [.ubyte(1), .ushort(1), .uint(1), .ulong(1), .byte(1), .short(1), .int(1), .long(1)] as [AMQPValue] {
            #expect(try decode(one) as Int == 1)
            #expect(try decode(one) as UInt8 == 1)
            #expect(try decode(one) as Double == 1)
            #expect(try decode(.map([one: "x"])) as [Int: String] == [1: "x"])
            #expect(try decode(.list([one])) as [UInt8] == [1])
        }
        #expect(try decode(.float(0.5)) as Double == 0.5)
        #expect(try decode(.double(0.1)) as Float == 0.1)
        #expect(try (decode(.double(.nan)) as Float).isNaN)
        #expect(try decode(.double(.infinity)) as Float == .infinity)
        #expect(try decode(.symbol("s")) as String == "s")
        #expect(try decode(.string("s")) as Symbol == "s")
        #expect(
            try decode(.string("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")) as AMQPUUID
                == AMQPUUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"))
        #expect(try decode(.array(AMQPArray([1, 2]))) as [Int32] == [1, 2])
        #expect(
            try decode(.map([.symbol("name"): "n", .double(1): 1, .symbol("count"): 2])) as Item
                == Item(name: "n", count: 2))
        #expect(try decode(["name": "n", "count": 2, "price": .null, "more": 1]) as Item == Item(name: "n", count: 2))
    }

    /// What a decoding error says: its kind and its path.
    private func failure<T: Decodable>(_ type: T.Type, _ value: AMQPValue) -> String {
        do {
            return "decoded \(try AMQPDecoder().decode(type, from: value))"
        } catch DecodingError.typeMismatch(_, let context) {
            return "type" + path(context.codingPath)
        } catch DecodingError.valueNotFound(_, let context) {
            return "null" + path(context.codingPath)
        } catch DecodingError.keyNotFound(let key, let context) {
            return "key \(key.stringValue)" + path(context.codingPath)
        } catch DecodingError.dataCorrupted(let context) {
            return "data" + path(context.codingPath)
        } catch {
            return "\(error)"
        }
    }

    private func path(_ keys: [any CodingKey]) -> String {
        keys.map { key in "/" + (key.intValue.map(String.init) ?? key.stringValue) }.joined()
    }

    @Test("What does not fit is an error with the path to it")
    func decodingErrors() {
        #expect(failure(Int.self, "1") == "type")
        #expect(failure(Int.self, .double(1)) == "type")
        #expect(failure(Int.self, .ulong(.max)) == "data")
        #expect(failure(UInt8.self, -1) == "data")
        #expect(failure(Int128.self, 1) == "type")
        #expect(failure(Float.self, .double(1e300)) == "type")
        #expect(failure(Double.self, .long(.max)) == "type")
        #expect(failure(Bool.self, 1) == "type")
        #expect(failure(String.self, .null) == "null")
        #expect(failure(Symbol.self, "ü") == "type")
        #expect(failure([UInt8].self, [1, 256]) == "type")
        #expect(failure([Int].self, [1, 2, "x"]) == "type/2")
        #expect(failure([Int].self, [1, .null]) == "null/1")
        #expect(failure(Item.self, [1, 2]) == "type")
        #expect(failure(Item.self, ["name": "x"]) == "key count")
        #expect(failure(Item.self, ["name": .null, "count": 1]) == "null/name")
        #expect(failure([Item].self, [["name": "x", "count": 1, "price": "1"]]) == "type/0/price")
        #expect(failure([String: [Int]].self, ["a": [true]]) == "type/a/0")
        #expect(failure(Order.State.self, "lost") == "data")
        #expect(failure(Matrix.self, ["meta": ["title": "m"], "rows": [[1], 2]]) == "type/rows/1")
        #expect(failure(Dog.self, ["name": "x"]) == "null/super")
    }

    @Test("128-bit integers are refused with the path to them")
    func encodingErrors() {
        let error = #expect(throws: EncodingError.self) { try AMQPEncoder().encode(["a": [Int128(1)]]) }
        guard case .invalidValue(_, let context) = error else { return }
        #expect(path(context.codingPath) == "/a/0")
    }

    private indirect enum Nest: Codable, Hashable {
        case end
        case deeper(Nest)

        init(depth: Int) {
            self = .end
            for _ in 1..<depth { self = .deeper(self) }
        }

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            self = container.isAtEnd ? .end : .deeper(try container.decode(Nest.self))
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            if case .deeper(let nest) = self { try container.encode(nest) }
        }
    }

    @Test("Nesting is limited both ways")
    func depth() throws {
        let deepest = Nest(depth: 64)
        let value = try AMQPEncoder().encode(deepest)
        #expect(try AMQPDecoder().decode(Nest.self, from: value) == deepest)
        #expect(throws: EncodingError.self) { try AMQPEncoder().encode(Nest(depth: 65)) }
        #expect(throws: EncodingError.self) { try AMQPEncoder().encode(Nest(depth: 5000)) }
        #expect(throws: DecodingError.self) { try AMQPDecoder().decode(Nest.self, from: .list([value])) }
        var (encoder, decoder) = (AMQPEncoder(), AMQPDecoder())
        (encoder.depthLimit, decoder.depthLimit) = (100, 100)
        #expect(try decoder.decode(Nest.self, from: try encoder.encode(Nest(depth: 100))) == Nest(depth: 100))
    }

    /// Asks for a second container of another kind.
    private struct Confused: Encodable {
        func encode(to encoder: any Encoder) throws {
            var list = encoder.unkeyedContainer()
            try list.encode(1)
            var single = encoder.singleValueContainer()
            try single.encode(2)
        }
    }

    private struct Empty: Encodable {
        func encode(to encoder: any Encoder) throws {}
    }

    @Test("A type that encodes nothing, or two things, is an error and no trap")
    func confusion() {
        #expect(throws: EncodingError.self) { try AMQPEncoder().encode(Confused()) }
        #expect(throws: EncodingError.self) { try AMQPEncoder().encode(Empty()) }
        #expect(throws: EncodingError.self) { try AMQPEncoder().encode([Empty()]) }
    }

    @Test("A message carries a value over the wire")
    func messages() throws {
        let item = Item(name: "pen", count: 3, price: 0.5)
        let bytes = try Message(encoding: item).encoded()
        #expect(try Message(decoding: bytes).body.decode(Item.self) == item)
        #expect(try Message.Body.data([1, 2]).decode([UInt8].self) == [1, 2])
        #expect(try Message.Body.dataSections([[1], [2]]).decode(Data.self) == Data([1, 2]))
        #expect(try Message.Body.sequence([1, 2]).decode([Int].self) == [1, 2])
        #expect(throws: DecodingError.self) { try Message(body: "x").body.decode(Item.self) }
    }

    @Test("User info reaches the types")
    func userInfo() throws {
        struct Reader: Codable, Equatable {
            static var key: CodingUserInfoKey { CodingUserInfoKey(rawValue: "k").unsafelyUnwrapped }
            var info: String?
            init(from decoder: any Decoder) throws { info = decoder.userInfo[Self.key] as? String }
            init() {}
            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(encoder.userInfo[Self.key] as? String)
            }
        }
        var (encoder, decoder) = (AMQPEncoder(), AMQPDecoder())
        encoder.userInfo[Reader.key] = "out"
        decoder.userInfo[Reader.key] = "in"
        #expect(try encoder.encode([Reader()]) == ["out"])
        #expect(try decoder.decode([Reader].self, from: [1]).first?.info == "in")
    }

    @Test("Other encoders get symbols, timestamps and UUIDs in a readable form, and a clear error for the rest")
    func otherEncoders() throws {
        struct Portable: Codable, Equatable {
            var symbol: Symbol = "s"
            var time = Timestamp(milliseconds: 5)
            var uuid = AMQPUUID(high: 0, low: 0)
        }
        let json = try JSONEncoder().encode(Portable())
        #expect(try JSONDecoder().decode(Portable.self, from: json) == Portable())
        #expect(throws: EncodingError.self) { try JSONEncoder().encode([AMQPValue.long(1)]) }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([AMQPValue].self, from: Data("[1]".utf8)) }
    }
}
