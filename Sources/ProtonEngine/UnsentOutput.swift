// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An upper bound for the output that the peer has not read.
///
/// Proton buffers output until the socket takes it, and reports only when all of it is written.
struct UnsentOutput {
    /// The limit in bytes: at this number, senders must stop.
    let limit: Int
    /// The bytes sent since all output was written, including the cost of each message.
    private(set) var bytes = 0
    private var bytesWatched = 0

    /// An estimate of proton's memory for a waiting message, in addition to its bytes; rather too high.
    static let messageCost = 1_024

    init(limit: Int) { self.limit = limit }

    /// Whether nothing more may be sent now.
    @inline(__always)
    var isFull: Bool { bytes >= limit }

    /// Whether there is enough output to check whether it is written.
    var needsCheck: Bool { bytes >= limit / 2 }

    /// Counts a message, or a part of one, that is sent.
    @inline(__always)
    mutating func add(_ count: Int) { bytes += count }

    /// Records that all output is written except these bytes, which wait for the peer's windows.
    /// - Returns: whether senders may send again that could not before.
    mutating func noteWritten(allBut waiting: Int) -> Bool {
        let wasFull = isFull
        // Stays full until half of the limit is free, so that senders are not notified for each message that is written.
        bytes = wasFull && waiting > limit / 2 ? limit : waiting
        bytesWatched = bytes
        return wasFull && !isFull
    }

    /// Whether something was sent since the last call.
    mutating func takeGrowth() -> Bool {
        defer { bytesWatched = bytes }
        return bytes != bytesWatched
    }
}
