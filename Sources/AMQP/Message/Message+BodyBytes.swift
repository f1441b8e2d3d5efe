// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// Reads the bytes of the body in place: of data, or of a `binary` value.
    ///
    /// Saves the copy that ``Body/bytes`` makes of a message that was received: for bodies that are large, or many.
    /// - Parameter read: called once with the bytes, which are good until it returns.
    /// - Returns: what the closure returns; nil, without a call, for any other body.
    @inlinable public func withBodyBytes<Result>(_ read: (RawSpan) throws -> Result) rethrows -> Result? {
        try withExtendedLifetime(self) {
            if let bytes = encodedBodyBytes { return try read(bytes.bytes) }
            // A large one that was made here, one that was set, or one of several sections.
            guard let bytes = body.bytes else { return nil }
            return try read(bytes.span.bytes)
        }
    }
}

extension Message {
    /// Where the bytes of a body stand in those of the message, for as long as it lives; nil for any other body.
    @usableFromInline var encodedBodyBytes: UnsafeRawBufferPointer? {
        draft == nil || draft?.body == nil ? encoding.bodyBytes : nil
    }
}

extension EncodedMessage {
    /// Where the bytes of a body of one section of data, or of a `binary` value, are.
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
