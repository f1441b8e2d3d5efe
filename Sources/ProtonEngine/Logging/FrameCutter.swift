// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Cuts the bytes of one direction of a connection into frames and protocol headers.
package struct FrameCutter {
    private var bytes: [UInt8] = []
    /// Where the bytes begin that were not taken.
    private var start = 0
    private let maxSize: Int
    /// Whether something has come that is no frame, or one beyond the limit: nothing behind it is cut.
    package private(set) var isBroken = false

    /// - Parameter maxSize: how large a frame may be, in bytes; no more than that is kept.
    package init(maxSize: Int = .max) { self.maxSize = maxSize }

    package mutating func append(_ more: some Sequence<UInt8>) {
        guard !isBroken else { return }
        bytes.removeFirst(start)
        start = 0
        bytes += more
    }

    /// Takes the first whole frame, or protocol header, that has come.
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
