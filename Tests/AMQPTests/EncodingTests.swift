// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// The encoding side: what cannot be encoded throws, and the buffer keeps its memory.
struct EncodingTests {
    @Test func tooDeep() throws {
        var value: AMQPValue = []
        for _ in 0..<1024 { value = [value] }
        // An empty list has no level of its own on the wire.
        #expect(throws: Never.self) { try value.encoded() }
        value = [value]
        let error = #expect(throws: CodecError.self) { try value.encoded() }
        #expect(error?.code == .limitExceeded)
        let message = Message(body: .value(value))
        #expect(throws: CodecError.self) { try message.encoded() }
        let map: AMQPMap = [value: 1]
        #expect(throws: CodecError.self) { try AMQPValue.map(map).encoded() }
        #expect(throws: CodecError.self) {
            try AMQPValue.array(AMQPArray(of: .null, descriptors: Array(repeating: .null, count: 1025), [])!).encoded()
        }
    }

    @Test func messagesOneBehindTheOther() throws {
        let small = Message(id: 1, body: .data([1]))
        var large = Message(id: 2, body: .data(Array(repeating: 7, count: 100_000)), footer: ["hash": 1])
        var bytes: [UInt8] = [0xff]
        for message in [small, large, small] { try message.encode(appendingTo: &bytes) }
        #expect(try bytes == [0xff] + small.encoded() + large.encoded() + small.encoded())
        large.properties["list"] = .list([1])
        #expect(throws: CodecError.self) { try large.encode(appendingTo: &bytes) }
        large.properties["list"] = nil
        let count = bytes.count
        try large.encode(appendingTo: &bytes)
        #expect(bytes.count == count + 100_000 + 8 + 6 + 16)
    }

    @Test func messageFilledInPlace() throws {
        let encoded = try MessageTests.full.encoded()
        let message = try Message(capacity: encoded.count + 10, limits: .default) { memory in
            memory.copyBytes(from: encoded)
            return encoded.count
        }
        #expect(message == MessageTests.full)
        #expect(throws: InvalidMessage.self) { try Message(capacity: 0, limits: .default) { _ in 0 } }
        #expect(throws: InvalidMessage.self) { try Message(capacity: 4, limits: .default) { _ in -1 } }
    }

    @Test func timeToLive() throws {
        let rows: [(Duration?, Duration?)] = [
            (nil, nil), (.zero, .zero), (.milliseconds(1), .milliseconds(1)), (.microseconds(1999), .milliseconds(1)),
            (.seconds(-1), .zero), (.seconds(1 << 40), .milliseconds(UInt32.max)),
            (.seconds(Int64.max), .milliseconds(UInt32.max)), (.seconds(Int64.min), .zero),
        ]
        for (given, sent) in rows {
            let message = try Message(decoding: Message(timeToLive: given).encoded())
            #expect(message.timeToLive == sent)
        }
    }

    @Test func sectionsOfSetAndReceivedFields() throws {
        var message = try Message(decoding: Message(id: 1, body: "x", subject: "s").encoded())
        message.id = nil
        message.subject = nil
        #expect(try text(message.encoded()) == "005377a10178")
        message.annotations["a"] = 1
        message.footer["f"] = 2
        message.deliveryAnnotations["d"] = 3
        #expect(
            try text(message.encoded())
                == "005371c10602a301645503" + "005372c10602a301615501" + "005377a10178" + "005378c10602a301665502")
        message.footer["f"] = nil
        message.annotations = [:]
        message.deliveryAnnotations = [:]
        #expect(try text(message.encoded()) == "005377a10178")
    }
}
