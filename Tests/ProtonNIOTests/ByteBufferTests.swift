// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if NIO

import AMQP
import NIOCore
import ProtonNIO
import Testing

/// SwiftNIO's ByteBuffer as a message's body, and back.
struct ByteBufferTests {
    private static func received(_ message: Message) throws -> Message { try Message(decoding: message.encoded()) }

    @Test func bufferIsOneSectionOfData() throws {
        let message = try Self.received(Message(body: .data(ByteBuffer(bytes: [1, 2, 3]))))
        #expect(message.body == .data([1, 2, 3]))
        #expect(message.bodyBuffer == ByteBuffer(bytes: [1, 2, 3]))
    }

    @Test func onlyReadableBytesAreSent() throws {
        var buffer = ByteBuffer(bytes: [1, 2, 3, 4])
        buffer.moveReaderIndex(forwardBy: 1)
        buffer.moveWriterIndex(to: 3)
        #expect(try Self.received(Message(body: .data(buffer))).bodyBuffer == ByteBuffer(bytes: [2, 3]))
        #expect(buffer.readableBytes == 2, "the buffer stays as it is")
    }

    @Test func sectionsAndBinariesAreBytesToo() throws {
        #expect(
            try Self.received(Message(body: .dataSections([[1], [2, 3]]))).bodyBuffer == ByteBuffer(bytes: [1, 2, 3]))
        #expect(try Self.received(Message(body: [UInt8]([4]))).bodyBuffer == ByteBuffer(bytes: [4]))
        #expect(try Self.received(Message(body: .data(ByteBuffer()))).bodyBuffer == ByteBuffer())
    }

    @Test func otherBodiesHaveNoBuffer() throws {
        #expect(try Self.received(Message(body: "text")).bodyBuffer == nil)
        #expect(Message().bodyBuffer == nil)
    }

    @Test func bufferIsTheProgramsOwn() throws {
        let message = try Self.received(Message(body: .data(ByteBuffer(bytes: [1, 2]))))
        var buffer = try #require(message.bodyBuffer)
        buffer.setInteger(UInt8(9), at: 0)
        buffer.writeInteger(UInt8(3))
        #expect(message.bodyBuffer == ByteBuffer(bytes: [1, 2]))
        #expect(buffer == ByteBuffer(bytes: [9, 2, 3]))
    }

    @Test func arraysOfBytesAreStillData() {
        // Not ambiguous beside the form with a buffer.
        #expect(Message.Body.data([1, 2]) == .data([UInt8]([1, 2])))
    }
}

#endif
