/// A buffer to encode into, one message or value at a time, which keeps its memory.
///
/// Once it has grown to the largest of them, encoding allocates nothing. Beyond 64 KiB it keeps what it has grown to only
/// while what it encodes is as large as that. It belongs to one thread at a time.
package final class EncodingBuffer {
    // No check for overlapping access: encoding calls nothing that could come back here.
    @exclusivity(unchecked) private var writer: ValueWriter

    /// A buffer with room for a number of bytes; it grows as needed.
    package init(capacity: Int = 512) { writer = ValueWriter(capacity: capacity) }

    /// How many bytes there is room for.
    package var capacity: Int { writer.capacity }

    /// Encodes a message; the bytes are valid until the next use of the buffer.
    package func encode(_ message: borrowing Message) throws(CodecError) -> UnsafeRawBufferPointer {
        try writer.encode(message)
    }

    /// Encodes a value; the bytes are valid until the next use of the buffer.
    package func encode(_ value: AMQPValue) throws(CodecError) -> UnsafeRawBufferPointer {
        try writer.encode(value)
    }
}

extension ValueWriter {
    /// What a new writer encodes, as an array; no more is allocated than that when it takes less than 1 KiB.
    static func array(
        _ encode: (inout ValueWriter) throws(CodecError) -> UnsafeRawBufferPointer
    ) throws(CodecError) -> [UInt8] {
        // The memory outlives the writer, which ends with the closure.
        let result = withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { scratch in
            var writer = ValueWriter(scratch: scratch)
            return Result { () throws(CodecError) in [UInt8](try encode(&writer)) }
        }
        return try result.get()
    }

    /// Forgets what was written and writes a message; the bytes are valid until the writer is used again.
    mutating func encode(_ message: borrowing Message) throws(CodecError) -> UnsafeRawBufferPointer {
        reset()
        message.write(to: &self)
        return try result()
    }

    /// Forgets what was written and writes a value; the bytes are valid until the writer is used again.
    mutating func encode(_ value: AMQPValue) throws(CodecError) -> UnsafeRawBufferPointer {
        reset()
        write(value)
        return try result()
    }

    private func result() throws(CodecError) -> UnsafeRawBufferPointer {
        if let error { throw error }
        return bytes
    }
}
