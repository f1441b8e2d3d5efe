// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Variables go into messages as they are; literals keep meaning what they meant.
struct VariableTests {
    // Variables of each type, so that no literal is at work.
    private let text = "text", number = 7, flag = true, fraction = 1.5, octets: [UInt8] = [1, 2]

    @Test func everyTypeHasItsValue() {
        #expect(AMQPValue(flag) == .boolean(true) && AMQPValue(fraction) == .double(1.5))
        #expect(AMQPValue(Float(fraction)) == .float(1.5) && AMQPValue(number) == .long(7))
        #expect(AMQPValue(Int8(number)) == .byte(7) && AMQPValue(Int16(number)) == .short(7))
        #expect(AMQPValue(Int32(number)) == .int(7) && AMQPValue(Int64(number)) == .long(7))
        #expect(AMQPValue(UInt(number)) == .ulong(7) && AMQPValue(UInt8(number)) == .ubyte(7))
        #expect(AMQPValue(UInt16(number)) == .ushort(7) && AMQPValue(UInt32(number)) == .uint(7))
        #expect(AMQPValue(UInt64(number)) == .ulong(7) && AMQPValue(text) == .string("text"))
        #expect(AMQPValue(text.dropFirst()) == .string("ext") && AMQPValue(Symbol(text)) == .symbol("text"))
        #expect(AMQPValue(octets) == .binary([1, 2]) && AMQPValue(Timestamp(milliseconds: 5)) == .timestamp(5))
        let uuid = AMQPUUID(high: 1, low: 2)
        #expect(AMQPValue(uuid) == .uuid(uuid) && AMQPValue("x" as Unicode.Scalar) == .char("x"))
        #expect(AMQPValue(Decimal32(bits: 1)) == .decimal32(Decimal32(bits: 1)))
        #expect(AMQPValue(Decimal64(bits: 1)) == .decimal64(Decimal64(bits: 1)))
        #expect(AMQPValue(Decimal128(high: 1, low: 2)) == .decimal128(Decimal128(high: 1, low: 2)))
        let described = Described(descriptor: 1, value: 2)
        #expect(AMQPValue(described) == .described(described) && AMQPValue(AMQPValue.null) == .null)
        #expect(AMQPValue(MessageID(text)) == .string("text") && AMQPValue(AnnotationKey.ulong(1)) == .ulong(1))
    }

    @Test func collectionsAreListsMapsAndBinaries() {
        let numbers: [Int32] = [1, 2]
        #expect(AMQPValue(numbers) == .list([.int(1), .int(2)]) && AMQPValue([text]) == .list(["text"]))
        #expect(AMQPValue([] as [Int]) == .list([]) && AMQPValue([] as [UInt8]) == .binary([]))
        #expect(AMQPValue([octets, octets]) == .list([.binary([1, 2]), .binary([1, 2])]))
        #expect(AMQPValue([[numbers]]) == .list([.list([.list([.int(1), .int(2)])])]))
        #expect(AMQPValue(AMQPArray(numbers)) == .array(AMQPArray(numbers)))
        #expect(AMQPArray(numbers).elementType == .int && AMQPArray([octets]).elements == [.binary([1, 2])])
        #expect(AMQPArray([] as [UInt16]).elementType == .ushort && AMQPArray([flag, false]).elementType == .boolean)
        let values: [AMQPValue] = [1, "a"]
        #expect(AMQPValue(values) == .list(values))
        let annotations: Annotations = ["a": 1]
        #expect(AMQPValue(annotations) == .map([.symbol("a"): 1]))
    }

    @Test func dictionariesAreMapsInTheOrderOfTheirKeys() {
        let words = Dictionary(uniqueKeysWithValues: (0..<100).map { ("word \($0 + 100)", UInt8($0)) })
        guard case .map(let map) = AMQPValue(words) else { return #expect(Bool(false)) }
        #expect(map.keys == words.keys.sorted().map { .string($0) } && map["word 150"] == .ubyte(50))
        #expect(AMQPValue([number: text, -1: text, 20: text]) == .map([-1: "text", 7: "text", 20: "text"]))
        #expect(AMQPValue([Symbol("b"): [text: 1], "a": [:]]) == .map([.symbol("a"): [:], .symbol("b"): ["text": 1]]))
        let flags = [flag: 1, !flag: 0]
        #expect(AMQPValue(flags) == .map([false: 0, true: 1]))
        #expect(ApplicationProperties(["b": 1, text: number]) == ["b": 1, "text": 7])
        let counts = ["b": number, "a": 2]
        #expect(ApplicationProperties(counts) == ["a": 2, "b": 7] && AMQPMap([.string("a"): number]) == ["a": 7])
        #expect(Message(properties: .init(counts)).properties.keys == ["a", "b"])
    }

    @Test func bodies() {
        #expect(Message(body: text).body == .value(.string("text")) && Message(body: number).body == 7)
        #expect(Message(body: octets).body == .value(.binary([1, 2])) && Message(body: flag).body == true)
        #expect(Message(body: [text: UInt8(number)]).body == ["text": .ubyte(7)])
        #expect(Message(id: 1, body: text.uppercased(), subject: text).body.stringValue == "TEXT")
        #expect(Message(body: flag ? text : "none").body == "text")
        let value = AMQPValue.uint(1)
        #expect(Message(body: value).body == .value(.uint(1)) && Message.Body(fraction) == .value(.double(1.5)))
        var message = Message(body: .data(octets))
        #expect(message.body == .data([1, 2]))
        message.body = .init(number)
        #expect(message.body == 7)
    }

    @Test func aMessageOfAVariableHasTheOtherFieldsToo() {
        let fields: (inout Message) -> Void = { message in
            (message.address, message.subject, message.replyTo) = ("a", "b", "c")
            (message.correlationID, message.properties, message.annotations) = (2, ["d": 1], ["e": 1])
            (message.contentType, message.contentEncoding, message.isDurable, message.priority) = ("f", "g", true, 5)
            (message.timeToLive, message.isFirstAcquirer, message.deliveryCount) = (.seconds(1), true, 6)
            (message.userID, message.expiryTime, message.creationTime) = ([7], 8, 9)
            (message.groupID, message.groupSequence, message.replyToGroupID) = ("h", 10, "i")
            (message.deliveryAnnotations, message.footer) = (["j": 1], ["k": 1])
        }
        var message = Message(id: 1, body: .value(.string(text)))
        fields(&message)
        let same = Message(
            id: 1, body: text, address: "a", subject: "b", replyTo: "c", correlationID: 2, properties: ["d": 1],
            annotations: ["e": 1], contentType: "f", contentEncoding: "g", isDurable: true, priority: 5,
            timeToLive: .seconds(1), isFirstAcquirer: true, deliveryCount: 6, userID: [7], expiryTime: 8,
            creationTime: 9, groupID: "h", groupSequence: 10, replyToGroupID: "i", deliveryAnnotations: ["j": 1],
            footer: ["k": 1])
        #expect(same == message)
    }

    @Test func literalsMeanWhatTheyMeant() {
        #expect(Message(body: "x").body == .value(.string("x")) && Message(body: 17).body == .value(.long(17)))
        #expect(Message(body: 1.5).body == .value(.double(1.5)) && Message(body: true).body == .value(.boolean(true)))
        #expect(Message(body: [1, "a"]).body == .value(.list([1, "a"])) && Message(body: []).body == .value([]))
        #expect(Message(body: "\(number) \(text)").body == "7 text" && Message(body: .null).body == .null)
        // In the order written, which a dictionary of Swift's would lose.
        let body = Message(body: ["b": 1, "a": 2, "d": 3, "c": 4]).body
        #expect(body.value.mapValue?.keys == ["b", "a", "d", "c"])
        #expect(Message(body: ["b": "x", "a": [1: .null]]).body["a"] == [1: .null])
        #expect(
            AMQPValue(["b": 1, "a": 2]) == .map(["b": 1, "a": 2])
                && Message.Body(["b": 1, "a": 2]) == ["b": 1, "a": 2])
        #expect(AMQPValue(7) == .long(7) && AMQPValue("x") == .string("x") && AMQPValue([.null]) == .list([.null]))
    }

    @Test func maps() {
        var message = Message()
        message.properties["n"] = number
        message.properties["t"] = text
        message.properties["b"] = octets
        message.properties["literal"] = 5
        message.properties["case"] = .uint(5)
        message.properties["init"] = .init(fraction)
        #expect(
            message.properties == [
                "n": 7, "t": "text", "b": .binary([1, 2]), "literal": 5, "case": .uint(5), "init": 1.5,
            ])
        message.properties["literal"] = ["b": 1, "a": 2]
        #expect(message.properties["literal"] == ["b": 1, "a": 2])
        var absent: Int?
        message.properties["n"] = absent
        message.properties["t"] = nil
        absent = 8
        message.properties[text] = absent
        #expect(message.properties.keys == ["b", "literal", "case", "init", "text"] && message.properties["text"] == 8)

        message.annotations["x-opt-n"] = UInt32(number)
        message.annotations[text] = .init(flag)
        message.annotations[5] = text
        #expect(message.annotations == ["x-opt-n": .uint(7), "text": true, 5: "text"])
        #expect(message.annotations[text] == true && message.annotations[.symbol(Symbol(text))] == true)
        message.annotations[text] = nil
        #expect(message.annotations.count == 2)

        var map = AMQPMap()
        map["a"] = number
        map[text] = "b"
        map[number] = .init(text)
        map[Symbol(text)] = nil
        #expect(map == ["a": 7, "text": "b", 7: "text"] && map[text] == "b" && map[number] == "text")
    }

    @Test func identifiers() {
        #expect(MessageID(number) == 7 && MessageID(UInt8(7)) == 7 && MessageID(Int32(7)) == 7)
        #expect(MessageID(UInt64.max) == .ulong(.max) && MessageID(-number) == 0 && MessageID(Int8(-number)) == 0)
        #expect(MessageID(text) == "text" && MessageID(octets) == .binary([1, 2]))
        var message = Message(id: MessageID(text), body: text)
        message.correlationID = message.id
        message.id = nil
        #expect(message.id == nil && message.correlationID?.stringValue == "text")
        let bytes:
            (
                UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
                UInt8, UInt8
            ) = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        #expect(MessageID(AMQPUUID(bytes)).description == "00010203-0405-0607-0809-0a0b0c0d0e0f")
    }

    /// A type of the program's own.
    private struct Price: AMQPValueConvertible {
        let cents: Int32
        var amqpValue: AMQPValue { .int(cents) }
    }

    @Test func typesOfTheProgramsOwn() {
        #expect(Message(body: [Price(cents: 5)]).body == .value(.list([.int(5)])))
        var message = Message(body: Price(cents: 6))
        message.properties["price"] = Price(cents: 7)
        #expect(message.body == .value(.int(6)) && message.properties["price"] == .int(7))
    }
}
