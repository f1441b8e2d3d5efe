// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension AMQPValue {
    /// Creates a value from its encoding, which must be all of the bytes.
    ///
    /// Every encoding that the specification defines for a type is accepted (Types, section 1.6).
    /// - Throws: ``CodecError`` if the bytes are not exactly one valid value within the limits.
    public init(decoding bytes: [UInt8], limits: DecodingLimits = .default) throws(CodecError) {
        let values = try AMQPValue.sequence(decoding: bytes, limits: limits)
        guard let value = values.first else { throw CodecError(.truncated, at: 0, "There are no bytes to decode") }
        guard values.count == 1 else {
            throw CodecError(.malformed, at: bytes.count, "There are \(values.count) values where one is expected")
        }
        self = value
    }

    /// Decodes the values that follow one another in bytes; an empty array if there are no bytes.
    ///
    /// - Throws: ``CodecError`` if the bytes are not valid values within the limits.
    public static func sequence(
        decoding bytes: [UInt8], limits: DecodingLimits = .default
    ) throws(CodecError) -> [AMQPValue] {
        try bytes.withBytes { (bytes) throws(CodecError) in try sequence(decoding: bytes, limits: limits) }
    }

    /// Decodes the values that follow one another in bytes; an empty array if there are no bytes.
    package static func sequence(
        decoding bytes: UnsafeRawBufferPointer, limits: DecodingLimits = .default
    ) throws(CodecError) -> [AMQPValue] {
        if bytes.isEmpty { return [] }
        var validator = try Validator(bytes, limits)
        var offset = 0
        while offset < bytes.count { offset = try validator.skipValue(offset, bytes.count) }
        var reader = ValueReader(bytes, at: 0)
        var values: [AMQPValue] = []
        while reader.offset < bytes.count { values.append(reader.value()) }
        return values
    }

    /// The shortest encoding of the value.
    ///
    /// - Throws: ``CodecError`` if the value is nested deeper than 1,024 levels or has a part larger than 4 GiB.
    public func encoded() throws(CodecError) -> [UInt8] {
        // The scratch memory outlives the writer, which exists only in the closure.
        let result = withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { scratch in
            var writer = ValueWriter(scratch: scratch)
            writer.write(self)
            return Result { () throws(CodecError) in
                if let error = writer.error { throw error }
                return [UInt8](writer.bytes)
            }
        }
        return try result.get()
    }
}

extension [UInt8] {
    /// Calls a closure with the bytes; an error that it throws keeps its type.
    @inline(__always)
    func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws(CodecError) -> T) throws(CodecError) -> T {
        try withUnsafeBufferPointer { (bytes) throws(CodecError) in try body(UnsafeRawBufferPointer(bytes)) }
    }
}
