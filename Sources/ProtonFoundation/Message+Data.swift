// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import FoundationEssentials

// Bodies of Foundation's Data.

extension Message.Body {
    /// Opaque bytes, in one section: `Message(body: .data(file))`.
    ///
    /// `Message(body: file)` is one `binary` value instead, as it is with an array of bytes.
    @_disfavoredOverload
    public static func data(_ data: Data) -> Message.Body { .data([UInt8](data)) }
}

extension Message {
    /// The bytes of a body of data, several sections joined, or of a `binary` value; nil for any other body.
    ///
    /// Each use copies them: keep what you use often.
    public var bodyData: Data? {
        withBodyBytes { bytes in bytes.withUnsafeBytes { Data($0) } }
    }
}
