// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Counts the deliveries in a peer's dispositions, on one session and in one role.
///
/// For each delivery in each disposition, proton 0.37 makes an event of 176 bytes before it returns the first one, and it
/// searches all deliveries of the session: a packet of ranges over a thousand unsettled deliveries takes 43 MB.
struct DispositionCount {
    /// The number of deliveries, each counted as often as it occurred.
    private var named = 0
    /// The lowest delivery-id that may still be unsettled; nil if the first delivery-id is not known.
    private var settled: UInt32?

    /// - Parameter first: the first delivery-id, if it is known.
    init(first: UInt32? = nil) { settled = first }

    /// The deliveries of a disposition.
    struct Range {
        let first: UInt32
        let last: UInt32
        let isSettled: Bool
        /// The number of values in the disposition's state.
        let values: Int
    }

    /// How often a delivery may occur, with a state of few values: twice is enough, once for its state and once to settle it.
    static let often = 8
    /// How many more deliveries may occur.
    static let spare = 10_000
    /// How many settled deliveries may occur in the bytes that proton processes at once.
    static let repeats = 16_384

    /// Counts a disposition.
    /// - Parameters:
    ///   - transfers: the number of transfers so far, which is the maximum number of deliveries.
    ///   - repeated: the number of settled deliveries in dispositions, in the bytes that proton processes at once.
    /// - Returns: whether the disposition is accepted.
    mutating func takes(_ range: Range, transfers: UInt32, repeated: inout Int) -> Bool {
        let more = range.last &- range.first
        // Proton closes the connection for a range that ends before it begins.
        guard more <= UInt32(Int32.max) else { return true }
        var width = Int(min(more, transfers)) + 1
        if let settled, Int32(bitPattern: settled &- range.first) > 0 {
            // A peer may repeat all deliveries from the first one on.
            let known = min(width, Int(settled &- range.first))
            width -= known
            repeated += known
        }
        let end = range.last &+ 1
        if let floor = settled, range.isSettled, Int32(bitPattern: range.first &- floor) <= 0,
            Int32(bitPattern: end &- floor) > 0
        {
            settled = end
        }
        named += width * max(1, range.values / 16)
        return named <= DispositionCount.often * Int(transfers) + DispositionCount.spare
            && repeated <= DispositionCount.repeats
    }
}

extension SessionTable {
    /// Counts a disposition of the peer's.
    /// - Returns: whether the disposition is accepted.
    mutating func takes(_ range: DispositionCount.Range, fromReceiver isReceiver: Bool, on session: Int) -> Bool {
        if isReceiver {
            sessions[session].dispositions.asReceiver.takes(
                range, transfers: sessions[session].sent, repeated: &repeated)
        } else {
            sessions[session].dispositions.asSender.takes(
                range, transfers: sessions[session].received, repeated: &repeated)
        }
    }
}
