// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Texts are read in place in the bytes of a message, without creating a `String`.

extension Message {
    /// A field that is a text.
    public enum TextField: Int, Sendable {
        /// ``Message/address``.
        case address = 2
        /// ``Message/subject``.
        case subject = 3
        /// ``Message/replyTo``.
        case replyTo = 4
        /// ``Message/contentType``.
        case contentType = 6
        /// ``Message/contentEncoding``.
        case contentEncoding = 7
        /// ``Message/groupID``.
        case groupID = 10
        /// ``Message/replyToGroupID``.
        case replyToGroupID = 12
    }

    /// Reads the UTF-8 of a field in place: for routers and filters that inspect a text of many messages and keep none.
    ///
    /// - Parameters:
    ///   - field: the field.
    ///   - read: called at most once with the text, which is valid until it returns.
    /// - Returns: what the closure returns; nil, without a call, if the field is not set.
    @inlinable public func withUTF8<Result>(
        of field: TextField, _ read: (UTF8Span) throws -> Result
    ) rethrows -> Result? {
        try withExtendedLifetime(self) {
            if let bytes = encodedText(field) { return try bytes.withValidUTF8(read) }
            guard let text = changedText(field) else { return nil }
            return try read(text.utf8Span)
        }
    }

    /// Whether a field equals a text in UTF-8; the field is compared in place.
    ///
    ///     if message.has(.subject, "order") { … }
    public func has(_ field: TextField, _ text: String) -> Bool {
        withContiguousUTF8(of: text) { text in
            if let bytes = encodedText(field) { return bytes.hasSameBytes(as: text) }
            return changedText(field).map { withContiguousUTF8(of: $0) { $0.hasSameBytes(as: text) } } ?? false
        }
    }

    /// The encoded text of a field, valid as long as the message exists; nil if it is not set or was changed.
    @usableFromInline func encodedText(_ field: TextField) -> UnsafeRawBufferPointer? {
        draft == nil || draft?.properties == nil ? encoding.textBytes(field.rawValue) : nil
    }

    /// The text of a field, if the properties were changed.
    @usableFromInline func changedText(_ field: TextField) -> String? {
        guard let properties = draft?.properties else { return nil }
        return switch field {
        case .address: properties.address
        case .subject: properties.subject
        case .replyTo: properties.replyTo
        case .contentType: properties.contentType?.name
        case .contentEncoding: properties.contentEncoding?.name
        case .groupID: properties.groupID
        case .replyToGroupID: properties.replyToGroupID
        }
    }
}

extension EncodedMessage {
    /// The encoded text of a standard property, by the number of the field.
    fileprivate func textBytes(_ field: Int) -> UnsafeRawBufferPointer? {
        withParts { layout, bytes in
            let offset = Int(layout.pointee.properties[field])
            guard offset != 0 else { return nil }
            var reader = ValueReader(bytes, at: offset)
            return reader.textContents()
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Calls a closure with the bytes as text. The bytes are validated or come from a `String`.
    @inlinable
    @inline(__always)
    func withValidUTF8<Result>(_ read: (UTF8Span) throws -> Result) rethrows -> Result {
        let bytes = assumingMemoryBound(to: UInt8.self)
        return try read(UTF8Span(unchecked: bytes.span))
    }
}
