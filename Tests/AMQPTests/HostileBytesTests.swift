// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// What no bytes may achieve: a trap, a read beyond the end, much memory, or a value that is not AMQP.
struct HostileBytesTests {
    /// Bytes that are not AMQP, the kind of error, and where it is.
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var encoding: String
        var code: CodecError.Code
        var offset: Int

        init(_ description: String, _ encoding: String, _ code: CodecError.Code, at offset: Int) {
            testDescription = description
            self.encoding = encoding
            self.code = code
            self.offset = offset
        }
    }

    static let values: [Row] = [
        Row("unknown constructor", "3f", .malformed, at: 0),
        Row("unknown constructor in a list", "c0 02 01 3f", .malformed, at: 3),
        Row("unknown constructor of an array", "e0 03 01 3f 00", .malformed, at: 3),
        Row("described constructor without more", "00", .truncated, at: 1),
        Row("boolean of 2", "56 02", .malformed, at: 1),
        Row("surrogate as character", "73 0000d800", .malformed, at: 1),
        Row("character beyond Unicode", "73 00110000", .malformed, at: 1),
        Row("string that is not UTF-8", "a1 03 61ff62", .malformed, at: 3),
        Row("string with an overlong character", "a1 02 c080", .malformed, at: 2),
        Row("string with a surrogate", "a1 03 eda080", .malformed, at: 2),
        Row("string that ends inside a character", "a1 01 c3", .malformed, at: 2),
        Row("long string that is not UTF-8", "a1 0b 6161616161616161 61c361", .malformed, at: 11),
        Row("symbol outside ASCII", "a3 03 61c3a9", .malformed, at: 3),
        Row("string larger than the bytes", "b1 7fffffff 61", .truncated, at: 5),
        Row("list of size 0", "c0 00 00", .malformed, at: 2),
        Row("wide list of size 3", "d0 00000003 00000000", .malformed, at: 5),
        Row("list with more elements than bytes", "d0 00000004 ffffffff", .truncated, at: 9),
        Row("list with fewer elements than bytes", "c0 03 01 40 40", .malformed, at: 4),
        Row("list whose element reaches beyond it", "c0 03 01 a1 02 6161", .truncated, at: 5),
        Row("map of three", "c1 04 03 40 41 42", .malformed, at: 1),
        Row("map with a key twice", "c1 09 04 a10161 40 a10161 41", .malformed, at: 7),
        Row("map with a key twice in two encodings", "c1 0c 04 a10161 40 b100000001 61 41", .malformed, at: 7),
        Row("map with a number twice in two encodings", "c1 0e 04 5301 40 800000000000000001 41", .malformed, at: 6),
        Row("map with a list twice", "c1 05 04 45 40 45 41", .malformed, at: 5),
        Row("map with a null twice inside a list", "c0 08 01 c1 05 04 40 40 40 40", .malformed, at: 8),
        Row("array without a constructor", "e0 01 00", .truncated, at: 3),
        Row("array with more elements than bytes", "e0 03 05 50 01", .truncated, at: 3),
        Row("array with bytes behind the elements", "e0 04 01 50 01 02", .malformed, at: 5),
        Row("array of descriptors without end", "e0 04 01 00 40 00", .truncated, at: 6),
        Row("array of 2^32-1 nulls", "f0 00000005 ffffffff 40", .limitExceeded, at: 1),
        Row("array of 300 nulls in few bytes", "f0 00000005 0000012c 40", .limitExceeded, at: 1),
    ]

    @Test(arguments: values)
    func notAValue(_ row: Row) {
        expect(row) { try AMQPValue(decoding: $0) }
    }

    static let messages: [Row] = [
        Row("nothing", "", .truncated, at: 0),
        Row("garbage", "deadbeef", .malformed, at: 0),
        Row("a value without a descriptor", "a10161", .malformed, at: 0),
        Row("section of an unknown number", "005379 40", .malformed, at: 1),
        Row("section of another number", "005310 45", .malformed, at: 1),
        Row("section of an unknown name", "00a30161 45", .malformed, at: 1),
        Row("section described by a string", "00a10161 45", .malformed, at: 1),
        Row("descriptor without a value", "005377", .truncated, at: 3),
        Row("header twice", "00537045 00537045", .malformed, at: 4),
        Row("properties before the header", "00537345 00537045", .malformed, at: 4),
        Row("two values", "00537740 00537740", .malformed, at: 4),
        Row("data and a value", "005375a000 00537740", .malformed, at: 5),
        Row("data and a sequence", "005375a000 00537645", .malformed, at: 5),
        Row("body behind the footer", "005378c10100 00537740", .malformed, at: 6),
        Row("data of a string", "005375a10161", .malformed, at: 3),
        Row("sequence of a map", "005376c10100", .malformed, at: 3),
        Row("header as a map", "005370c10100", .malformed, at: 3),
        Row("properties as a map", "005373c10100", .malformed, at: 3),
        Row("header of six fields", "005370c00706404040404040", .malformed, at: 3),
        Row("header with a string as durable", "005370c00401a10161", .malformed, at: 6),
        Row("header with a uint as priority", "005370c00402405204", .malformed, at: 7),
        Row("header with a list that counts too many", "005370c0020240", .truncated, at: 7),
        Row("properties with a boolean as id", "005373c0020141", .malformed, at: 6),
        Row("properties with a symbol as subject", "005373c00704404040a30161", .malformed, at: 9),
        Row("properties with a subject that is not UTF-8", "005373c00704404040a101ff", .malformed, at: 11),
        Row("annotations with a string as key", "005372c10502a1016140", .malformed, at: 6),
        Row("application properties with a symbol as key", "005374c10502a3016140", .malformed, at: 6),
        Row("application properties as a list", "00537445", .malformed, at: 3),
        Row("application properties with a key twice", "005374c10904a1016140a1016141", .malformed, at: 10),
        Row("footer as a list", "00537845", .malformed, at: 3),
        Row("list that counts 2^32-1", "005377d000000004ffffffff", .truncated, at: 12),
        Row("array of 2^32-1 nulls", "005377f000000005ffffffff40", .limitExceeded, at: 4),
    ]

    @Test(arguments: messages)
    func notAMessage(_ row: Row) {
        expect(row) { try Message(decoding: $0) }
    }

    private func expect<T>(_ row: Row, _ decode: ([UInt8]) throws -> T) {
        let error = #expect(throws: CodecError.self) { _ = try decode(bytes(row.encoding)) }
        #expect(error?.code == row.code, "\(error?.description ?? "")")
        #expect(error?.offset == row.offset, "\(error?.description ?? "")")
    }

    // MARK: Limits

    /// A value nested so many levels deep, with a null inside.
    static func nested(_ depth: Int, in kind: String) -> [UInt8] {
        var value: [UInt8] = [0x40]
        for _ in 0..<depth {
            let size = UInt32(value.count + 4)
            let sizeBytes = (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * UInt32($0))) }
            switch kind {
            case "list": value = [0xd0] + sizeBytes + [0, 0, 0, 1] + value
            case "map": value = [0xd1] + (0..<3).map { sizeBytes[$0] } + [sizeBytes[3] &+ 1, 0, 0, 0, 2, 0x40] + value
            case "array": value = [0xf0] + sizeBytes + [0, 0, 0, 1] + value
            default: value = [0x00, 0x40] + value
            }
        }
        return value
    }

    @Test(arguments: ["list", "described", "array"])
    func depth(_ kind: String) throws {
        #expect(throws: Never.self) { try AMQPValue(decoding: Self.nested(64, in: kind)) }
        let error = #expect(throws: CodecError.self) { try AMQPValue(decoding: Self.nested(65, in: kind)) }
        #expect(error?.code == .limitExceeded)
        #expect(throws: Never.self) {
            try AMQPValue(decoding: Self.nested(3, in: kind), limits: DecodingLimits(depth: 3))
        }
        #expect(throws: CodecError.self) {
            try AMQPValue(decoding: Self.nested(4, in: kind), limits: DecodingLimits(depth: 3))
        }
        // The deepest that any limit allows, and what is deeper by far.
        let deepest = DecodingLimits(depth: .max)
        #expect(deepest.depth == 1024)
        let value = try AMQPValue(decoding: Self.nested(1024, in: kind), limits: deepest)
        #expect(try AMQPValue(decoding: value.encoded(), limits: deepest) == value)
        #expect(throws: CodecError.self) { try AMQPValue(decoding: Self.nested(1025, in: kind), limits: deepest) }
        #expect(throws: CodecError.self) { try AMQPValue(decoding: Self.nested(5000, in: kind), limits: deepest) }
    }

    @Test func depthOfDescriptors() {
        let descriptors = [UInt8](repeating: 0, count: 60_000)
        #expect(throws: CodecError.self) { try AMQPValue(decoding: descriptors) }
        #expect(throws: CodecError.self) { try Message(decoding: descriptors) }
        #expect(throws: CodecError.self) { try Message(decoding: [0x00, 0x53, 0x77] + descriptors) }
        let array = bytes(String(repeating: "0040", count: 100) + "40")
        #expect(throws: CodecError.self) { try AMQPValue(decoding: [0xe0, UInt8(array.count + 1), 0] + array) }
    }

    @Test func elements() throws {
        let list = try AMQPValue.list(Array(repeating: .null, count: 1000)).encoded()
        #expect(throws: Never.self) { try AMQPValue(decoding: list, limits: DecodingLimits(elements: 1001)) }
        #expect(throws: CodecError.self) { try AMQPValue(decoding: list, limits: DecodingLimits(elements: 1000)) }
        #expect(throws: CodecError.self) { try AMQPValue(decoding: list, limits: DecodingLimits(elements: -1)) }
        // More than the 65,535 that proton holds.
        let long = try AMQPValue.list(Array(repeating: .long(1), count: 70_000)).encoded()
        #expect(try AMQPValue(decoding: long).listValue?.count == 70_000)
        // Many arrays of values that take no bytes share one allowance.
        let arrays = bytes(String(repeating: "e002ff40", count: 100))
        #expect(throws: CodecError.self) { try AMQPValue.sequence(decoding: arrays) }
    }

    @Test func totalSize() throws {
        let encoded = try Message(body: .data([1, 2, 3])).encoded()
        #expect(throws: Never.self) {
            try Message(decoding: encoded, limits: DecodingLimits(totalSize: encoded.count))
        }
        let error = #expect(throws: CodecError.self) {
            try Message(decoding: encoded, limits: DecodingLimits(totalSize: encoded.count - 1))
        }
        #expect(error?.code == .limitExceeded)
        #expect(DecodingLimits(totalSize: .max).totalSize == Int(UInt32.max))
    }

    @Test func manyKeys() throws {
        let pairs = (0..<5000).map { (AMQPValue.string("key \($0)"), AMQPValue.long(Int64($0))) }
        let map = AMQPMap(pairs)
        #expect(try AMQPValue(decoding: AMQPValue.map(map).encoded()) == .map(map))
        for repeated in [3, 15, 16, 17, 4999] {
            let twice = try AMQPValue.map(AMQPMap(distinct: pairs + [pairs[repeated]])).encoded()
            #expect(throws: CodecError.self) { try AMQPValue(decoding: twice) }
        }
    }

    // MARK: Mutations

    @Test func everyByteChanged() throws {
        for message in [MessageTests.full] + MessageTests.bodies.map({ Message(id: "x", body: $0) }) {
            let encoded = try message.encoded()
            for index in encoded.indices {
                for value in [0x00, 0x01, 0x40, 0x45, 0x7f, 0x80, 0xa1, 0xc1, 0xd0, 0xf0, 0xff] as [UInt8] {
                    var changed = encoded
                    changed[index] = value
                    try readEverything(changed)
                }
            }
        }
    }

    @Test func randomBytes() throws {
        var random = SystemRandomNumberGenerator()
        let codes = bytes("00 40 41 43 44 45 50 52 53 56 70 72 73 77 80 a0 a1 a3 b1 c0 c1 d0 d1 e0 f0 01 02 03 04 ff")
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...40, using: &random)
            let encoded = (0..<count).map { _ in codes.randomElement(using: &random) ?? 0 }
            try readEverything([0x00, 0x53, UInt8.random(in: 0x70...0x78, using: &random)] + encoded)
            if let values = try? AMQPValue.sequence(decoding: encoded) {
                #expect(try AMQPValue.sequence(decoding: values.flatMap { try $0.encoded() }) == values)
            }
        }
    }

    /// Reads all of a message if the bytes are one; it encodes to the same bytes, and as a new one to an equal message.
    private func readEverything(_ encoded: [UInt8]) throws {
        guard let message = try? Message(decoding: encoded) else { return }
        #expect(try message.encoded() == encoded)
        var copy = message
        copy.isDurable = copy.isDurable
        copy.subject = copy.subject
        copy.deliveryAnnotations["x"] = nil
        copy.annotations["x"] = nil
        copy.properties["x"] = nil
        copy.body = copy.body
        copy.footer["x"] = nil
        let again = try Message(decoding: copy.encoded())
        #expect(again == copy)
        #expect(again.body.description == copy.body.description)
    }
}
