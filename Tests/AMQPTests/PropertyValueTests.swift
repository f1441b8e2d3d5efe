// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Application properties have values of simple types (Messaging, section 3.2.5).
struct PropertyValueTests {
    static let compounds: [AMQPValue] = [
        [], ["a"], [:], ["a": 1], .array(AMQPArray([] as [String])), .array(AMQPArray(["a"])),
        .list(Array(repeating: 1, count: 300)), .map(AMQPMap((0..<200).map { (.long($0), .null) })),
        .array(AMQPArray((0..<300).map { Int16($0) })), .described(Described(descriptor: 1, value: ["a"])),
        .described(Described(descriptor: "a", value: .described(Described(descriptor: ["b"], value: [:])))),
        .described(Described(descriptor: .symbol("a"), value: [])),
    ]

    @Test(arguments: compounds)
    func aCompoundValueIsInvalid(_ value: AMQPValue) throws {
        let head = bytes("005377a10161")
        // As an encoder of somebody else's writes it.
        for pairs in [[("a", value)], [("first", 1), ("a", value), ("b", 2)]] as [[(String, AMQPValue)]] {
            let map = AMQPMap(pairs.map { (.string($0), $1) })
            let section = try bytes("005374") + AMQPValue.map(map).encoded()
            let error = #expect(throws: CodecError.self) { try Message(decoding: section + head) }
            #expect(error?.code == .malformed)
            #expect(error?.message == "An application property is a list, a map or an array")
            let place = try section.count - AMQPValue.list(pairs.map(\.1)).encoded().count
            #expect(error.map { $0.offset > max(place, 3) && $0.offset < section.count } == true)

            let own = #expect(throws: CodecError.self) {
                try Message(properties: ApplicationProperties(pairs)).encoded()
            }
            #expect(own?.code == .malformed && own?.message == error?.message)
        }
        // Elsewhere it is fine.
        let message = Message(body: value, annotations: ["x-opt-a": value], footer: ["x-opt-b": value])
        #expect(try Message(decoding: message.encoded()) == message)
    }

    @Test func aMessageThatIsMadeValidEncodes() throws {
        var message = Message(properties: ["a": ["b"]])
        #expect(throws: CodecError.self) { try message.encoded() }
        message.properties["a"] = "b"
        #expect(try Message(decoding: message.encoded()) == message)
    }

    @Test func simpleValuesAreValid() throws {
        var generator = PropertyGenerator(seed: 5)
        for type in PropertyGenerator.scalarTypes {
            let value = generator.scalar(type)
            // Described ones too: Azure sends dates and URIs like that.
            let uri = AMQPValue.described(Described(descriptor: .symbol("com.microsoft:uri"), value: value))
            let again = AMQPValue.described(Described(descriptor: [1], value: uri))
            let message = Message(body: 1, properties: ["a": value, "b": uri, "c": again, "d": 2])
            #expect(try Message(decoding: message.encoded()) == message)
        }
    }
}
