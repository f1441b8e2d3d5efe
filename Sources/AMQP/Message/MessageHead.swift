// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// Checks the sections before the body of an encoded message: header, annotations, properties (Messaging, 3.2).
    ///
    /// It walks over them and builds nothing. The body and the footer are not looked at, whatever their size.
    /// - Returns: how many bytes the sections before the body take; 0 where the body comes first.
    /// - Throws: ``CodecError`` when there are no bytes, or those sections are not valid or not within the limits.
    package static func headSize(
        of bytes: [UInt8], limits: DecodingLimits = .default
    ) throws(CodecError) -> Int {
        try bytes.withBytes { (bytes) throws(CodecError) in
            var validator = try Validator(bytes, limits)
            return try validator.skipHead()
        }
    }

    /// The message of an encoding without its body and footer, which are neither checked nor copied.
    ///
    /// - Throws: ``CodecError`` when ``headSize(of:limits:)`` does.
    package init(decodingHeadOf bytes: [UInt8], limits: DecodingLimits = .default) throws(CodecError) {
        let size = try Message.headSize(of: bytes, limits: limits)
        // No bytes are no encoding of a message.
        guard size > 0 else {
            self.init()
            return
        }
        do {
            try self.init(capacity: size, limits: limits) { memory in
                bytes.withUnsafeBytes { memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<size])) }
                return size
            }
        } catch {
            throw error.error
        }
    }
}
