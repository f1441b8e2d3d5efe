// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension AMQPValue {
    /// The value of its encoding, which must take up all the bytes.
    ///
    /// Every encoding that the specification has for a type is understood (Types, section 1.6).
    /// - Throws: ``CodecError`` when the bytes are anything else than one valid value within the limits.
    public init(decoding bytes: [UInt8], limits: DecodingLimits = .default) throws(CodecError) {
        let values = try AMQPValue.sequence(decoding: bytes, limits: limits)
        guard let value = values.first else { throw CodecError(.truncated, at: 0, "There are no bytes to decode") }
        guard values.count == 1 else {
            throw CodecError(.malformed, at: bytes.count, "There are \(values.count) values where one is expected")
        }
        self = value
    }

    /// The values that follow one another in bytes, none in none.
    ///
    /// - Throws: ``CodecError`` when the bytes are anything else than valid values within the limits.
    public static func sequence(
        decoding bytes: [UInt8], limits: DecodingLimits = .default
    ) throws(CodecError) -> [AMQPValue] {
        try bytes.withBytes { (bytes) throws(CodecError) in try sequence(decoding: bytes, limits: limits) }
    }

    /// The values that follow one another in bytes, none in none.
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
    /// - Throws: ``CodecError`` when the value is nested deeper than 1,024 levels or has a part larger than 4 GiB.
    public func encoded() throws(CodecError) -> [UInt8] {
        // The memory outlives the writer, which ends with the closure.
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
    /// Calls a closure with the bytes in memory; what it throws keeps its type.
    @inline(__always)
    func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws(CodecError) -> T) throws(CodecError) -> T {
        try withUnsafeBufferPointer { (bytes) throws(CodecError) in try body(UnsafeRawBufferPointer(bytes)) }
    }
}
