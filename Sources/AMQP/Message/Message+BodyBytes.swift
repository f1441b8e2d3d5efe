// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// Reads the bytes of the body in place, if it is a body of data or a `binary` value.
    ///
    /// For a received message this saves the copy that ``Body/bytes`` makes: use it for large bodies, or for many.
    /// - Parameter read: called at most once with the bytes, which are valid until it returns.
    /// - Returns: what the closure returns; nil, without a call, for any other body.
    @inlinable public func withBodyBytes<Result>(_ read: (RawSpan) throws -> Result) rethrows -> Result? {
        try withExtendedLifetime(self) {
            if let bytes = encodedBodyBytes { return try read(bytes.bytes) }
            // A large body of a message made here, a body that was set, or one of several sections.
            guard let bytes = body.bytes else { return nil }
            return try read(bytes.span.bytes)
        }
    }
}

extension Message {
    /// The bytes of the body in the encoding, valid as long as the message exists; nil for any other body.
    @usableFromInline var encodedBodyBytes: UnsafeRawBufferPointer? {
        draft == nil || draft?.body == nil ? encoding.bodyBytes : nil
    }
}

extension EncodedMessage {
    /// The bytes of a body that is one section of data, or a `binary` value.
    fileprivate var bodyBytes: UnsafeRawBufferPointer? {
        withParts { layout, bytes in
            guard layout.pointee.contentOffset == 0,
                layout.pointee.bodyKind == .data || layout.pointee.bodyKind == .value
            else { return nil }
            let range = layout.pointee.section(MessageLayout.body)
            var reader = ValueReader(bytes, at: range.lowerBound)
            reader.skipDescriptor()
            guard let contents = reader.binaryContents(), reader.offset == range.upperBound else { return nil }
            return contents
        }
    }
}
