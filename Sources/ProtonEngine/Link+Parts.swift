// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// Messages that arrive in several frames are buffered until they are complete, or taken in pieces.
extension Link {
    /// The received part of a message that was not taken as a whole.
    enum Parts {
        /// Nothing has been read of it.
        case none
        /// These bytes are buffered until the rest arrives.
        case kept([UInt8])
        /// The program has taken this number of bytes.
        case taken(Int)

        /// The number of bytes read.
        var count: Int {
            switch self {
            case .none: 0
            case .kept(let bytes): bytes.count
            case .taken(let count): count
            }
        }
    }

    /// Whether anything was read of a message that was not taken as a whole.
    final var hasParts: Bool {
        if case .none = parts { false } else { true }
    }

    /// Whether the program takes the current message in pieces.
    final var isTakenInParts: Bool {
        if case .taken = parts { true } else { false }
    }

    /// Whether this number of additional bytes may be buffered.
    final func canKeep(_ count: Int) -> Bool {
        let limits = connection.limits
        return connection.incompleteBytes + count <= max(limits.maxIncompleteBytes, limits.maxMessageSize)
    }

    /// Buffers up to `count` more bytes; `read` writes them into memory, and returns their number.
    final func keep(_ count: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) {
        // Taken out of `parts` first, because otherwise the bytes would be copied.
        var bytes = takePartial()
        bytes.append(count, read)
        connection.incompleteBytes += bytes.count
        parts = .kept(bytes)
    }

    /// Records that the program has taken this number of bytes of a message that it takes in pieces.
    final func noteTaken(_ count: Int) { parts = .taken(count) }

    /// Takes the buffered bytes; the next bytes belong to another message, unless the caller buffers these again.
    @discardableResult
    final func takePartial() -> [UInt8] {
        guard case .kept(let bytes) = exchange(&parts, with: .none) else { return [] }
        connection.incompleteBytes -= bytes.count
        return bytes
    }
}

extension [UInt8] {
    /// Appends up to `count` bytes; `read` writes them into memory, and returns their number.
    fileprivate mutating func append(_ count: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) {
        let start = self.count
        append(contentsOf: repeatElement(0, count: count))
        let read = withUnsafeMutableBytes { read(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        removeLast(count - read)
    }
}
