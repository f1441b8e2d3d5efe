/// A buffer to encode into, one message or value at a time, which keeps its memory.
///
/// Once it has grown to the largest of them, encoding allocates nothing. It belongs to one thread at a time.
package final class EncodingBuffer {
    private var writer: ValueWriter

    /// A buffer with room for a number of bytes; it grows as needed.
    package init(capacity: Int = 512) { writer = ValueWriter(capacity: capacity) }

    /// Encodes a message; the bytes are valid until the next use of the buffer.
    package func encode(_ message: borrowing Message) throws(CodecError) -> UnsafeRawBufferPointer {
        writer.reset()
        message.write(to: &writer)
        return try result()
    }

    /// Encodes a value; the bytes are valid until the next use of the buffer.
    package func encode(_ value: AMQPValue) throws(CodecError) -> UnsafeRawBufferPointer {
        writer.reset()
        writer.write(value)
        return try result()
    }

    private func result() throws(CodecError) -> UnsafeRawBufferPointer {
        if let error = writer.error { throw error }
        return writer.bytes
    }
}
