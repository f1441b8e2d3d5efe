// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

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

    /// Written to by a ``MessageWriter`` that holds the one reference to it, and by nobody later.
    typealias Memory = ManagedBuffer<Head, UInt8>

    private let memory: Memory

    /// What a writer has made.
    @inline(__always)
    init(_ memory: Memory) { self.memory = memory }

    /// A message that came in, of at most so many bytes, which a closure puts into memory; it returns how many there are.
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

    /// A message that no bytes were written for: with a null body, as one whose sections are all absent.
    static let empty = EncodedMessage(.create(minimumCapacity: 0) { _ in Head() })

    // MARK: Bytes

    /// Calls a closure with the bytes, but those of ``content``, and where the parts are.
    @inline(__always)
    func withParts<T>(_ body: (UnsafePointer<MessageLayout>, UnsafeRawBufferPointer) -> T) -> T {
        memory.withUnsafeMutablePointers { head, bytes in
            // The layout is reached where it is: passed as a value it would be copied.
            let bytes = UnsafeRawBufferPointer(start: bytes, count: head.pointee.count)
            return withUnsafePointer(to: &head.pointee.layout) { body($0, bytes) }
        }
    }

    /// The contents of a large data section, where they stand apart.
    var content: [UInt8]? { memory.withUnsafeMutablePointerToHeader { $0.pointee.content } }

    /// Calls a closure with all bytes in their order: in one piece, or those before the content of a large body, the
    /// content, and those behind it.
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

    /// How many bytes there are.
    var byteCount: Int {
        memory.withUnsafeMutablePointerToHeader { $0.pointee.count &+ ($0.pointee.content?.count ?? 0) }
    }

    /// Whether both are the same piece of memory.
    func isIdentical(to other: EncodedMessage) -> Bool { memory === other.memory }
}
