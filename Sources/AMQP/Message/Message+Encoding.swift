extension Message {
    /// The encoding of the message; for a received one that nobody changed, the bytes it came in.
    ///
    /// - Throws: ``CodecError`` when a value in it is nested deeper than 1,024 levels or has a part larger than 4 GiB, or
    ///   when one of the application's properties is a list, a map or an array.
    public func encoded() throws(CodecError) -> [UInt8] {
        try finished().withPieces { head, content, tail in
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

    /// Puts the encoding of the message behind other bytes: one array then takes many messages, and allocates seldom.
    ///
    /// - Throws: as ``encoded()`` does; nothing is added then.
    public func encode(appendingTo bytes: inout [UInt8]) throws(CodecError) {
        try finished().withPieces { head, content, tail in
            bytes.append(contentsOf: head)
            if let content { bytes.append(contentsOf: content) }
            if let tail { bytes.append(contentsOf: tail) }
        }
    }

    /// Calls a closure with the encoding where it stands.
    ///
    /// It comes in one piece; that of a message that was made here with a large body of data comes in three: what stands
    /// before the bytes of the body, these, and what stands behind them, which may be empty.
    /// - Throws: as ``encoded()`` does, and what the closure throws.
    package func withEncoding<T>(
        _ read: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws -> T
    ) throws -> T {
        try finished().withPieces(read)
    }

    /// The encoding with what was changed.
    private func finished() throws(CodecError) -> EncodedMessage {
        guard let draft else { return encoding }
        return try encoding.changed(by: draft)
    }
}

extension EncodedMessage {
    /// The message with the sections of a draft in the place of its own.
    @inline(never)
    fileprivate func changed(by draft: MessageDraft) throws(CodecError) -> EncodedMessage {
        try .made(estimate: estimate(with: draft)) { writer, layout, content in
            if let header = draft.header {
                writer.writeHeader(header, &layout)
            } else {
                copy(section: 0, to: &writer, &layout)
            }
            changed(draft.deliveryAnnotations, 1, &writer, &layout)
            changed(draft.annotations, 2, &writer, &layout)
            if let properties = draft.properties {
                writer.writeProperties(properties, &layout)
            } else {
                copyProperties(to: &writer, &layout)
            }
            if let properties = draft.applicationProperties {
                writer.writeApplicationProperties(properties, &layout)
            } else {
                copy(section: MessageLayout.applicationProperties, to: &writer, &layout)
            }
            if let body = draft.body {
                writer.writeBody(body, &layout, &content)
            } else {
                copyBody(to: &writer, &layout, &content)
            }
            changed(draft.footer, MessageLayout.footer, &writer, &layout)
        }
    }

    private func estimate(with draft: MessageDraft) -> Int {
        withParts { _, bytes in bytes.count } &+ 64 &+ (draft.properties?.estimate ?? 0)
            &+ (draft.applicationProperties?.estimate ?? 0) &+ (draft.annotations?.estimate ?? 0)
            &+ (draft.body?.estimate ?? 0)
    }

    @inline(__always)
    private func changed(
        _ annotations: Annotations?, _ number: Int, _ writer: inout ValueWriter, _ layout: inout MessageLayout
    ) {
        if let annotations {
            writer.writeAnnotations(annotations, number, &layout)
        } else {
            copy(section: number, to: &writer, &layout)
        }
    }

    /// Copies a section as it is.
    private func copy(section number: Int, to writer: inout ValueWriter, _ layout: inout MessageLayout) {
        withParts { old, bytes in
            guard old.contains(number) else { return }
            layout.setStart(number, writer.count)
            writer.append(UnsafeRawBufferPointer(rebasing: bytes[old.section(number)]))
            layout.setEnd(number, writer.count)
        }
    }

    private func copyProperties(to writer: inout ValueWriter, _ layout: inout MessageLayout) {
        withParts { old, _ in
            let moved = writer.count &- old.section(MessageLayout.properties).lowerBound
            for field in old.properties.indices where old.properties[field] != 0 {
                layout.properties[field] = UInt32(truncatingIfNeeded: Int(old.properties[field]) &+ moved)
            }
        }
        copy(section: MessageLayout.properties, to: &writer, &layout)
    }

    private func copyBody(to writer: inout ValueWriter, _ layout: inout MessageLayout, _ content: inout [UInt8]?) {
        copy(section: MessageLayout.body, to: &writer, &layout)
        layout.bodyKind = withParts { old, _ in old.bodyKind }
        if let own = self.content {
            content = own
            layout.contentOffset = writer.count
        }
    }
}
