// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// AMQP values: making them, encoding and decoding them, and looking into what was decoded.
@main
struct EncodeDecode: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode_decode", abstract: "Encode and decode AMQP values.")

    func run() throws {
        print("\n== Arrays, lists and maps of one type.")
        try show(.array(AMQPArray([1, 2, 3])))
        try show(.list([1, 2, 3]))
        try show(["one": 1, "two": 2])
        // A map keeps the order that it was written in, on the wire too.
        try show(["z": 3, "a": 4])

        print("\n== Lists and maps of several types.")
        try show([42, "foo", .null, 1.5])
        try show(["five": 5, 4: "four"])
        try show([
            .symbol("x"), .ubyte(1), .binary([1, 2]),
            .described(Described(descriptor: .symbol("my:type"), value: "value")),
        ])

        print("\n== Swift's own types.")
        let order = Order(id: 7, items: ["tea", "bread"])
        let value = try AMQPEncoder().encode(order)
        try show(value)
        print(try AMQPDecoder().decode(Order.self, from: value))
    }

    /// Encodes a value, decodes it again, and prints it part by part.
    private func show(_ value: AMQPValue) throws {
        let bytes = try value.encoded()
        print("\(describe(try AMQPValue(decoding: bytes))), \(bytes.count) bytes")
    }

    /// A value with the types of its parts. A program's own code would print it as it is.
    private func describe(_ value: AMQPValue) -> String {
        switch value {
        case .array(let array):
            "array<\(array.elementType)>[\(array.elements.map(describe).joined(separator: ", "))]"
        case .list(let list):
            "list[\(list.map(describe).joined(separator: ", "))]"
        case .map(let map):
            "map{\(map.map { "\(describe($0.key)): \(describe($0.value))" }.joined(separator: ", "))}"
        case .described(let described):
            "described(\(describe(described.descriptor)), \(describe(described.value)))"
        default:
            "\(value.type.map { "\($0)" } ?? "")(\(value))"
        }
    }
}

struct Order: Codable {
    var id: Int32
    var items: [String]
}
