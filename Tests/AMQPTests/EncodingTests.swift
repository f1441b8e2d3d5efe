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

    @Test func bufferIsReused() throws {
        let buffer = EncodingBuffer(capacity: 8)
        let small = Message(id: 1, body: .data([1]))
        let large = Message(body: .data(Array(repeating: 7, count: 100_000)))
        for message in [small, large, small] {
            #expect(try [UInt8](buffer.encode(message)) == message.encoded())
        }
        let start = try buffer.encode(large).baseAddress
        #expect(try buffer.encode(small).baseAddress == start && buffer.encode(AMQPValue.string("x")).count == 3)
        var deep: AMQPValue = 1
        for _ in 0..<1030 { deep = [deep] }
        #expect(throws: CodecError.self) { try buffer.encode(deep) }
        #expect(try [UInt8](buffer.encode(small)) == small.encoded())
    }

    @Test func bufferLetsGoOfMuchMemory() throws {
        let buffer = EncodingBuffer()
        let large = Message(body: .data(Array(repeating: 7, count: 100_000)))
        let capacities = try [large, large, Message(), Message()].map { message in
            _ = try buffer.encode(message)
            return buffer.capacity
        }
        // What comes next may be as large; once it is not, the memory goes.
        #expect(capacities[1] == capacities[0] && capacities[0] > 100_000)
        #expect(capacities[3] <= 64 << 10)
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
