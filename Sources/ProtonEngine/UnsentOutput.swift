// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How much of what this side sends its peer has not read, for all that is known: an upper bound.
///
/// Proton holds what is sent until the socket takes it, and tells only when all of it is written.
struct UnsentOutput {
    /// The bound: as many bytes and more are too much.
    let limit: Int
    /// The bytes of messages that were sent since everything was written, and what each message takes besides.
    private(set) var bytes = 0
    private var bytesWatched = 0

    /// What proton takes for a message that waits, beside its bytes: an estimate, on the safe side.
    static let messageCost = 1_024

    init(limit: Int) { self.limit = limit }

    /// Whether nothing more may be sent for now.
    @inline(__always)
    var isFull: Bool { bytes >= limit }

    /// Whether there is enough to look whether it is written.
    var isWorthALook: Bool { bytes >= limit / 2 }

    /// Notes a message, or a part of one, that is sent.
    @inline(__always)
    mutating func add(_ count: Int) { bytes += count }

    /// Notes that all is written but these bytes, for which the peer's windows have no room.
    /// - Returns: whether messages may be sent again that could not before.
    mutating func noteWritten(allBut waiting: Int) -> Bool {
        let wasFull = isFull
        // It does not become ready for each message that is written.
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
