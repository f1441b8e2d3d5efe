// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// Messages that come in several frames, and are kept until they are whole or taken piece by piece.
extension Link {
    /// What has come of a message that has not been taken whole.
    enum Parts {
        /// Nothing has been read of it.
        case none
        /// These bytes wait for the rest.
        case kept([UInt8])
        /// So many bytes were handed out as they came.
        case taken(Int)

        /// How many bytes have been read.
        var count: Int {
            switch self {
            case .none: 0
            case .kept(let bytes): bytes.count
            case .taken(let count): count
            }
        }
    }

    /// Whether anything has been read of a message that has not been taken whole.
    final var hasParts: Bool {
        if case .none = parts { false } else { true }
    }

    /// Whether the program takes the message that comes now in pieces.
    final var isTakenInParts: Bool {
        if case .taken = parts { true } else { false }
    }

    /// Whether this many bytes more may be kept until the rest of their message is there.
    final func canKeep(_ count: Int) -> Bool {
        let limits = connection.limits
        return connection.incompleteBytes + count <= max(limits.maxIncompleteBytes, limits.maxMessageSize)
    }

    /// Keeps up to `count` bytes more; `read` puts them there, and returns how many they are.
    final func keep(_ count: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) {
        // Taken out meanwhile, or the bytes would be copied.
        var bytes = takePartial()
        bytes.append(count, read)
        connection.incompleteBytes += bytes.count
        parts = .kept(bytes)
    }

    /// Notes that the program has taken so many bytes of a message whose rest it takes in pieces too.
    final func noteTaken(_ count: Int) { parts = .taken(count) }

    /// Takes out what was kept; the next bytes are those of another message, unless the caller says otherwise.
    @discardableResult
    final func takePartial() -> [UInt8] {
        guard case .kept(let bytes) = exchange(&parts, with: .none) else { return [] }
        connection.incompleteBytes -= bytes.count
        return bytes
    }
}

extension [UInt8] {
    /// Adds up to `count` bytes; `read` puts them there, and returns how many they are.
    fileprivate mutating func append(_ count: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) {
        let start = self.count
        append(contentsOf: repeatElement(0, count: count))
        let read = withUnsafeMutableBytes { read(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        removeLast(count - read)
    }
}
