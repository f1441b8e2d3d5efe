/// The bytes of a message, those it came in or those it was made as, with where its parts are.
///
/// It never changes, so that copies of a message share it on any thread. Nothing read is kept: a field costs what
/// building its value costs, each time.
///
/// `@unchecked Sendable`: nothing is written to it once it is made.
struct EncodedMessage: @unchecked Sendable {
    /// What stands before the bytes, in the same piece of memory.
    struct Head {
        var layout = MessageLayout()
        /// How many bytes follow.
        var count = 0
        /// The contents of a large data section, which are not copied to the others but stand behind
        /// ``MessageLayout/contentOffset`` of them.
        var content: [UInt8]?
    }

    private let buffer: ManagedBuffer<Head, UInt8>

    private init(_ buffer: ManagedBuffer<Head, UInt8>) { self.buffer = buffer }

    // MARK: What came in

    /// A message of at most so many bytes, which a closure puts into memory; it returns how many there are.
    init(
        capacity: Int, _ limits: DecodingLimits, _ fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(InvalidMessage) {
        buffer = .create(minimumCapacity: capacity) { _ in Head() }
        try buffer.withUnsafeMutablePointers { (head, bytes) throws(InvalidMessage) in
            let memory = UnsafeMutableRawBufferPointer(start: bytes, count: capacity)
            head.pointee.count = min(max(fill(memory), 0), capacity)
            let bytes = UnsafeRawBufferPointer(start: bytes, count: head.pointee.count)
            do throws(CodecError) {
                var validator = try Validator(bytes, limits)
                try validator.findParts(&head.pointee.layout)
            } catch {
                throw InvalidMessage(error: error, bytes: [UInt8](bytes))
            }
        }
    }

    // MARK: What is made here

    /// The bytes that a closure writes, and the layout that it notes.
    ///
    /// - Parameters:
    ///   - estimate: how many bytes there may be: when there are more, they are copied once.
    ///   - write: called once with a writer, a layout to fill in, and where to leave the contents of a large data section.
    /// - Throws: the first problem that the writer met.
    @inline(__always)
    static func made(
        estimate: Int, _ write: (inout ValueWriter, inout MessageLayout, inout [UInt8]?) -> Void
    ) throws(CodecError) -> EncodedMessage {
        let buffer = ManagedBuffer<Head, UInt8>.create(minimumCapacity: estimate) { _ in Head() }
        let larger = try buffer.withUnsafeMutablePointers { (head, bytes) throws(CodecError) in
            var writer = ValueWriter(scratch: UnsafeMutableRawBufferPointer(start: bytes, count: estimate))
            write(&writer, &head.pointee.layout, &head.pointee.content)
            head.pointee.count = writer.count
            if writer.error == nil, !writer.hasOutgrownScratch { return nil as EncodedMessage? }
            return try EncodedMessage(moving: writer, head.pointee)
        }
        return larger ?? EncodedMessage(buffer)
    }

    /// The bytes of a writer that did not find room for them where they should stand.
    @inline(never)
    private init(moving writer: borrowing ValueWriter, _ head: Head) throws(CodecError) {
        if let error = writer.error { throw error }
        guard writer.count <= DecodingLimits.maximumSize else {
            throw CodecError(.limitExceeded, at: writer.count, "A message without its data is larger than 4 GiB")
        }
        buffer = .create(minimumCapacity: writer.count) { _ in head }
        buffer.withUnsafeMutablePointerToElements { bytes in
            UnsafeMutableRawBufferPointer(start: bytes, count: writer.count).copyMemory(from: writer.bytes)
        }
    }

    /// A message with nothing in it but a null body.
    static let empty: EncodedMessage = {
        // Four bytes, which are the encoding of a null body.
        let made = try? EncodedMessage.made(estimate: 8) { writer, layout, content in
            writer.writeBody(.null, &layout, &content)
        }
        return made ?? EncodedMessage(.create(minimumCapacity: 0) { _ in Head() })
    }()

    // MARK: Bytes

    /// Calls a closure with the bytes, but those of ``content``, and where the parts are.
    @inline(__always)
    func withParts<T>(_ body: (borrowing MessageLayout, UnsafeRawBufferPointer) -> T) -> T {
        buffer.withUnsafeMutablePointers { head, bytes in
            body(head.pointee.layout, UnsafeRawBufferPointer(start: bytes, count: head.pointee.count))
        }
    }

    /// The contents of a large data section, where they stand apart.
    var content: [UInt8]? { buffer.withUnsafeMutablePointerToHeader { $0.pointee.content } }

    /// Calls a closure with all bytes in their order: in one piece, or those before the content of a large body, the
    /// content, and those behind it.
    @inline(__always)
    func withPieces<T, Failure>(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws(Failure) -> T
    ) throws(Failure) -> T {
        try buffer.withUnsafeMutablePointers { (head, bytes) throws(Failure) in
            let all = UnsafeRawBufferPointer(start: bytes, count: head.pointee.count)
            guard head.pointee.content == nil else { return try withThreePieces(all, head, body) }
            return try body(all, nil, nil)
        }
    }

    private func withThreePieces<T, Failure>(
        _ all: UnsafeRawBufferPointer, _ head: UnsafeMutablePointer<Head>,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws(Failure) -> T
    ) throws(Failure) -> T {
        let place = head.pointee.layout.contentOffset
        let content = head.pointee.content ?? []
        return try content.withUnsafeBufferPointer { (content) throws(Failure) in
            try body(
                UnsafeRawBufferPointer(rebasing: all[..<place]), UnsafeRawBufferPointer(content),
                UnsafeRawBufferPointer(rebasing: all[place...]))
        }
    }

    /// How many bytes there are.
    var byteCount: Int {
        buffer.withUnsafeMutablePointerToHeader { $0.pointee.count &+ ($0.pointee.content?.count ?? 0) }
    }

    /// Whether both are the same piece of memory.
    func isIdentical(to other: EncodedMessage) -> Bool { buffer === other.buffer }
}
