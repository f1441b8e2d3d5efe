// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if NIO

public import AMQP
public import NIOCore

// Bodies of SwiftNIO's ByteBuffer.

extension Message.Body {
    /// The readable bytes of a buffer, in one section: `Message(body: .data(buffer))`.
    @_disfavoredOverload
    public static func data(_ buffer: ByteBuffer) -> Message.Body { .data([UInt8](buffer.readableBytesView)) }
}

extension Message {
    /// The bytes of a body of data, several sections joined, or of a `binary` value, in a buffer of their own; nil for any
    /// other body.
    ///
    /// Each use copies them once, out of the message's encoding: keep what you use often.
    public var bodyBuffer: ByteBuffer? {
        withBodyBytes { bytes in bytes.withUnsafeBytes { ByteBuffer(bytes: $0) } }
    }
}

#endif
