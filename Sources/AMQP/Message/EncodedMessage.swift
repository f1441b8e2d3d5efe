// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The bytes of a message, received or written here, and the positions of its parts.
///
/// It never changes, so that copies of a message on any thread share it. It caches nothing: each read of a field builds its value
/// again.
///
/// `@unchecked Sendable`: nothing writes to it after its creation.
struct EncodedMessage: @unchecked Sendable {
    /// The header of the memory, before the bytes.
    struct Head {
        var layout = MessageLayout()
        /// The number of bytes that follow.
        var count = 0
        /// The contents of a large data section, which are not copied to the other bytes. Their position is at
        /// ``MessageLayout/contentOffset`` of these.
        var content: [UInt8]?
    }

    /// Only a ``MessageWriter`` with the one reference to the memory writes to it; after that, nothing does.
    typealias Memory = ManagedBuffer<Head, UInt8>

    private let memory: Memory

    /// The message that a writer has written.
    @inline(__always)
    init(_ memory: Memory) { self.memory = memory }

    /// A received message of at most `capacity` bytes, which a closure writes into memory; the closure returns their number.
    init(
        capacity: Int, _ limits: DecodingLimits, _ fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(InvalidMessage) {
        let received = Memory.create(minimumCapacity: capacity) { _ in Head() }
        try received.withUnsafeMutablePointers { (head, bytes) throws(InvalidMessage) in
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
        memory = received
    }

    /// A message without bytes: all of its sections are absent, and its body is null.
    static let empty = EncodedMessage(.create(minimumCapacity: 0) { _ in Head() })

    // MARK: Bytes

    /// Calls a closure with the positions of the parts and all bytes except those of ``content``.
    @inline(__always)
    func withParts<T>(_ body: (UnsafePointer<MessageLayout>, UnsafeRawBufferPointer) -> T) -> T {
        memory.withUnsafeMutablePointers { head, bytes in
            // The layout is passed as a pointer, because a value would be copied.
            let bytes = UnsafeRawBufferPointer(start: bytes, count: head.pointee.count)
            return withUnsafePointer(to: &head.pointee.layout) { body($0, bytes) }
        }
    }

    /// The contents of a large data section, if they are stored separately.
    var content: [UInt8]? { memory.withUnsafeMutablePointerToHeader { $0.pointee.content } }

    /// Calls a closure with all bytes in their order: in one piece, or as the bytes before the content of a large body, the
    /// content, and the bytes after it.
    @inline(__always)
    func withPieces<T, Failure>(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?, UnsafeRawBufferPointer?) throws(Failure) -> T
    ) throws(Failure) -> T {
        try memory.withUnsafeMutablePointers { (head, bytes) throws(Failure) in
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

    /// The number of bytes.
    var byteCount: Int {
        memory.withUnsafeMutablePointerToHeader { $0.pointee.count &+ ($0.pointee.content?.count ?? 0) }
    }

    /// Whether both use the same memory.
    func isIdentical(to other: EncodedMessage) -> Bool { memory === other.memory }
}
