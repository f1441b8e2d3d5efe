// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// Validates the sections before the body of an encoded message: header, annotations, properties (Messaging, 3.2).
    ///
    /// No values are built. The body and the footer are not read, whatever their size.
    /// - Returns: the number of bytes before the body; 0 if the message begins with the body.
    /// - Throws: ``CodecError`` if there are no bytes, or if those sections are not valid or not within the limits.
    package static func headSize(
        of bytes: [UInt8], limits: DecodingLimits = .default
    ) throws(CodecError) -> Int {
        try bytes.withBytes { (bytes) throws(CodecError) in
            var validator = try Validator(bytes, limits)
            return try validator.skipHead()
        }
    }

    /// Creates the message of an encoding without its body and footer, which are neither validated nor copied.
    ///
    /// - Throws: ``CodecError`` if ``headSize(of:limits:)`` does.
    package init(decodingHeadOf bytes: [UInt8], limits: DecodingLimits = .default) throws(CodecError) {
        let size = try Message.headSize(of: bytes, limits: limits)
        // The initializer below rejects an encoding without bytes.
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
