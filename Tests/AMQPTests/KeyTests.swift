// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Texts are told apart by their bytes, as keys and as values, also where Swift's `==` takes them for the same.
struct KeyTests {
    /// Texts that Swift finds equal, and AMQP does not.
    static let lookalikes: [(String, String)] = [
        ("\u{e9}", "e\u{301}"),
        ("name \u{c5}", "name A\u{30a}"),
        // As long as each other: only the order of the marks differs.
        ("a\u{323}\u{307}", "a\u{307}\u{323}"),
        // A character of three bytes that stands for an ASCII letter.
        ("\u{212a}", "K"),
        ("\u{ac00}", "\u{1100}\u{1161}"),
    ]

    @Test(arguments: lookalikes)
    func lookalikesDiffer(_ a: String, _ b: String) throws {
        #expect(a == b && AMQPValue.string(a) != .string(b) && AMQPValue.string(a) == .string(a))
        #expect(Set([AMQPValue.string(a), .string(b), .string(a)]).count == 2)
        #expect(MessageID(a) != MessageID(b) && Set([MessageID(a), MessageID(b), MessageID(a)]).count == 2)
        #expect(Message(address: a) != Message(address: b) && Message(subject: a) == Message(subject: a))
        #expect(Message(body: a) != Message(body: b))
        let (first, second): (ApplicationProperties, ApplicationProperties) = ([a: 1], [b: 1])
        #expect(first != second && AMQPMap(first) != AMQPMap(second) && first.hashValue != second.hashValue)
        #expect(first == [a: 1] && first.hashValue == ([a: 1] as ApplicationProperties).hashValue)
    }

    @Test(arguments: lookalikes)
    func lookalikesAreTwoKeys(_ a: String, _ b: String) throws {
        var properties: ApplicationProperties = [a: 1, b: 2]
        #expect(properties.count == 2 && properties[a] == 1 && properties[b] == 2)
        properties[b] = nil
        #expect(properties.keys.map { Array($0.utf8) } == [Array(a.utf8)] && properties[b] == nil)
        properties[b] = 3
        var map = AMQPMap(properties)
        #expect(map.count == 2 && map[.string(a)] == 1 && map[.string(b)] == 3)
        map[.string(a)] = 4
        #expect(map[.string(b)] == 3 && map.count == 2)

        let message = Message(body: .value(.map(map)), properties: properties)
        let decoded = try Message(decoding: message.encoded())
        #expect(decoded == message && decoded.properties[a] == 1 && decoded.properties[b] == 3)
        #expect(decoded.body[a] == 4 && decoded.body[b] == 3)
    }

    @Test func aMapOfManyPairsTellsThemApartToo() {
        let numbers = (0..<40).map { ("\($0)", AMQPValue.long($0)) }
        let map = ApplicationProperties(numbers + [("\u{e9}", 1), ("e\u{301}", 2), ("\u{e9}", 3)])
        #expect(map.count == 42 && map["\u{e9}"] == 3 && map["e\u{301}"] == 2)
        #expect(map.keys.last.map { Array($0.utf8) } == Array("e\u{301}".utf8))
    }

    /// Marks of several classes on one letter, whose order means nothing to Swift: as many texts that it finds equal.
    @Test func textsThatLookAlikeDoNotCollide() throws {
        let marks: [Unicode.Scalar] = ["\u{334}", "\u{93c}", "\u{3099}", "\u{94d}", "\u{5b0}", "\u{5b1}", "\u{5b2}"]
        var orders: [[Unicode.Scalar]] = [[]]
        for mark in marks {
            orders = orders.flatMap { order in
                (0...order.count).map { place in order[..<place] + [mark] + order[place...] }
            }
        }
        let texts = orders.map { order in
            var text = "a"
            text.unicodeScalars.append(contentsOf: order)
            return text
        }
        #expect(texts.count == 5040 && texts.allSatisfy { $0 == texts[0] })
        #expect(Set(texts.map { AMQPValue.string($0).hashValue }).count > 5030)
        let map = AMQPMap(texts.map { (.string($0), 1) })
        #expect(try map.count == 5040 && AMQPValue(decoding: AMQPValue.map(map).encoded()) == .map(map))
    }

    private struct Lookalikes: Codable {
        let composed: Int
        let decomposed: Int

        enum CodingKeys: String, CodingKey {
            case composed = "\u{e9}"
            case decomposed = "e\u{301}"
        }
    }

    @Test(arguments: [0, 40])
    func theyAreTwoPropertiesOfATypeOfTheProgramsOwn(_ others: Int) throws {
        var map = AMQPMap((0..<others).map { (.string("\($0)"), .null) })
        map["e\u{301}"] = 2
        map["\u{e9}"] = 1
        let decoded = try AMQPDecoder().decode(Lookalikes.self, from: .map(map))
        #expect(decoded.composed == 1 && decoded.decomposed == 2)
        #expect(try AMQPEncoder().encode(decoded) == ["\u{e9}": 1, "e\u{301}": 2])
    }

    @Test(arguments: [
        "c1 0b 04 a102c3a9 40 a102c3a9 41", "c1 0e 04 a102c3a9 40 b100000002c3a9 41", "c1 07 04 5301 40 5301 41",
    ])
    func aKeyTwiceIsInvalidInEveryMap(_ encoding: String) {
        let error = #expect(throws: CodecError.self) { try AMQPValue(decoding: bytes(encoding)) }
        #expect(error?.code == .malformed && error?.message == "A map has the same key twice")
        #expect(throws: CodecError.self) { try Message(decoding: bytes("005377" + encoding)) }
        #expect(throws: CodecError.self) { try Message(decoding: bytes("005374" + encoding)) }
    }

    @Test func keysOfOneTextAndSeveralTypesAreSeveral() {
        let map: AMQPMap = [.string("a"): 1, .symbol("a"): 2, .binary([0x61]): 3, .char("a"): 4]
        #expect(map.count == 4 && map[.symbol("a")] == 2 && map[.binary([0x61])] == 3)
        let annotations: Annotations = ["1": 1, 1: 2]
        #expect(annotations.count == 2 && annotations["1"] == 1 && annotations[1] == 2)
    }
}
