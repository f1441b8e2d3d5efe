// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !NIO

public import AMQP

extension Message.Body {
    /// A body of data, of a `ByteBuffer`: with the package trait `NIO`.
    @available(
        *, unavailable, message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"NIO\"])"
    )
    @_disfavoredOverload
    public static func data(_ buffer: some Any) -> Message.Body { .null }
}

extension Message {
    /// The bytes of the body as a `ByteBuffer`: with the package trait `NIO`.
    @available(
        *, unavailable, message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"NIO\"])"
    )
    public var bodyBuffer: Never? { nil }
}

#endif
