// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// Encodes the message; a received message that was not changed returns the bytes that arrived.
    ///
    /// - Throws: ``CodecError`` if a value is nested deeper than 1,024 levels or has a part larger than 4 GiB, or if an
    ///   application property is a list, a map or an array.
    public func encoded() throws(CodecError) -> [UInt8] {
        try withPieces { head, content, tail in
            guard let content else { return [UInt8](head) }
            return [UInt8](unsafeUninitializedCapacity: head.count + content.count + (tail?.count ?? 0)) { all, count in
                for piece in [head, content, tail] {
                    guard let piece else { continue }
                    UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(all)[count...])
                        .copyMemory(from: piece)
                    count += piece.count
                }
            }
        }
    }

    /// Appends the encoding of the message to an array, so that many messages can share one array and few allocations.
    ///
    /// - Throws: as ``encoded()`` does; nothing is appended then.
    public func encode(appendingTo bytes: inout [UInt8]) throws(CodecError) {
        try withPieces { head, content, tail in
            bytes.append(contentsOf: head)
            if let content { bytes.append(contentsOf: content) }
            if let tail { bytes.append(contentsOf: tail) }
        }
    }

    /// Calls a closure with the encoding, in place.
    ///
    /// The encoding is one piece. For a message that was made here with a large body of data, it is three pieces: the bytes
    /// before the contents of the body, the contents, and the bytes after them, which may be empty.
    /// - Throws: as ``encoded()`` does, and any error that the closure throws.
    package func withEncoding<T>(
        _ read: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws -> T
    ) throws -> T {
        guard let draft else { return try encoding.withPieces(read) }
        return try encoding.changed(by: draft).withPieces(read)
    }

    /// The message with its changes written into its encoding, for a message that is kept until it is sent.
    ///
    /// - Throws: as ``encoded()`` does.
    package func finished() throws(CodecError) -> Message {
        guard let draft else { return self }
        return Message(try encoding.changed(by: draft))
    }

    /// The number of bytes of the encoding, without later changes.
    package var encodedSize: Int { encoding.byteCount }

    /// Calls a closure, which cannot throw, with the pieces of the encoding.
    @inline(__always)
    private func withPieces<T>(
        _ read: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) -> T
    ) throws(CodecError) -> T {
        guard let draft else { return encoding.withPieces(read) }
        return try encoding.changed(by: draft).withPieces(read)
    }
}

extension EncodedMessage {
    /// The message with the sections of a draft in place of its own.
    @inline(never)
    fileprivate func changed(by draft: MessageDraft) throws(CodecError) -> EncodedMessage {
        var writer = MessageWriter(estimate: estimate(with: draft))
        if let header = draft.header {
            writer.write(header)
        } else {
            writer.copy(section: MessageLayout.header, of: self)
        }
        write(draft.annotations[1], 1, to: &writer)
        write(draft.annotations[2], 2, to: &writer)
        if let properties = draft.properties {
            writer.write(properties)
        } else {
            writer.copy(section: MessageLayout.properties, of: self)
        }
        if let properties = draft.applicationProperties {
            writer.write(properties)
        } else {
            writer.copy(section: MessageLayout.applicationProperties, of: self)
        }
        if let body = draft.body { writer.write(body) } else { writer.copyBody(of: self) }
        write(draft.annotations[MessageLayout.footer], MessageLayout.footer, to: &writer)
        return try writer.finish()
    }

    private func write(_ annotations: Annotations?, _ number: Int, to writer: inout MessageWriter) {
        if let annotations {
            writer.write(annotations, section: number)
        } else {
            writer.copy(section: number, of: self)
        }
    }

    private func estimate(with draft: MessageDraft) -> Int {
        withParts { _, bytes in bytes.count } &+ 64 &+ (draft.properties?.estimate ?? 0)
            &+ (draft.applicationProperties?.estimate ?? 0) &+ (draft.annotations[2]?.estimate ?? 0)
            &+ (draft.body?.estimate ?? 0)
    }
}

extension MessageWriter {
    fileprivate mutating func write(_ properties: PropertiesSection) {
        writeProperties(
            id: properties.id, userID: properties.userID, address: properties.address, subject: properties.subject,
            replyTo: properties.replyTo, correlationID: properties.correlationID, contentType: properties.contentType,
            contentEncoding: properties.contentEncoding, expiryTime: properties.expiryTime,
            creationTime: properties.creationTime, groupID: properties.groupID,
            groupSequence: properties.groupSequence, replyToGroupID: properties.replyToGroupID)
    }
}
