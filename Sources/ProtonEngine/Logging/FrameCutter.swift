// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Splits the bytes of one direction of a connection into frames and protocol headers.
package struct FrameCutter {
    private var bytes: [UInt8] = []
    /// The start of the bytes that were not taken yet.
    private var start = 0
    private let maxSize: Int
    /// Whether the bytes contained an invalid frame, or one beyond the limit; nothing after it is returned.
    package private(set) var isBroken = false

    /// - Parameter maxSize: the maximum size of a frame, in bytes; no more than that is buffered.
    package init(maxSize: Int = .max) { self.maxSize = maxSize }

    package mutating func append(_ more: some Sequence<UInt8>) {
        guard !isBroken else { return }
        bytes.removeFirst(start)
        start = 0
        bytes += more
    }

    /// Takes the first complete frame, or protocol header.
    package mutating func next() -> [UInt8]? {
        let rest = bytes[start...]
        guard !isBroken, rest.count >= 8 else { return nil }
        let size = rest.starts(with: "AMQP".utf8) ? 8 : rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard size >= 8, size <= maxSize else {
            (isBroken, bytes, start) = (true, [], 0)
            return nil
        }
        guard rest.count >= size else { return nil }
        start += size
        return Array(rest.prefix(size))
    }
}
