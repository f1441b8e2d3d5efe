// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A growing buffer of bytes whose address does not change between modifications.
///
/// Proton receives a frame's bytes by address, so they stay in place until the next modification.
struct ByteStore: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    /// The number of consumed bytes at the front; they are removed by the next `append`.
    private var consumed = 0
    private var end = 0
    /// When the store is empty, memory above this number of bytes is released.
    static let kept = 128 * 1_024

    init() {}

    deinit { base?.deallocate() }

    /// The number of bytes.
    var count: Int { end - consumed }

    var isEmpty: Bool { end == consumed }

    /// The bytes, valid until the next modification.
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0 + consumed) }, count: count)
    }

    /// Removes the first bytes; the others stay in place until the next `append`.
    mutating func consume(_ count: Int) {
        consumed += min(count, self.count)
    }

    /// Removes all bytes, and releases memory that only a large frame needs.
    mutating func removeAll() {
        (consumed, end) = (0, 0)
        guard capacity > ByteStore.kept else { return }
        base?.deallocate()
        (base, capacity) = (nil, 0)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        (makeRoom(bytes.count) + end).copyMemory(from: start, byteCount: bytes.count)
        end += bytes.count
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    mutating func append(_ byte: UInt8) {
        makeRoom(1).storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
        end += 1
    }

    /// Appends an integer in network byte order.
    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { append($0) }
    }

    /// Makes room for this number of additional bytes, and removes the consumed ones.
    private mutating func makeRoom(_ more: Int) -> UnsafeMutableRawPointer {
        if consumed > 0, let base {
            base.copyMemory(from: base + consumed, byteCount: count)
            (consumed, end) = (0, count)
        }
        if let base, end + more <= capacity { return base }
        capacity = max(256, capacity * 2, end + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        if let base {
            larger.copyMemory(from: base, byteCount: end)
            base.deallocate()
        }
        base = larger
        return larger
    }
}
