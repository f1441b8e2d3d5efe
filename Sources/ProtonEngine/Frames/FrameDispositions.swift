// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How many deliveries a peer's dispositions have been about, on one session and in one role.
///
/// Proton 0.37 makes an event of 176 bytes of each delivery in each disposition before any is handed out, and goes through
/// all deliveries of the session for it: a packet of ranges over a thousand unsettled deliveries takes 43 MB.
struct DispositionCount {
    /// How many deliveries there have been, each as often as it was named.
    private var named = 0
    /// The first delivery-id that may not be settled; nil where the first of all is not known.
    private var settled: UInt32?

    /// - Parameter first: the first delivery-id of all, where that is known.
    init(first: UInt32? = nil) { settled = first }

    /// What a disposition is about.
    struct Range {
        let first: UInt32
        let last: UInt32
        let isSettled: Bool
        /// How many values its state has.
        let values: Int
    }

    /// How often a delivery may be named, with a state of few values: once for its state and once to settle it would do.
    static let often = 8
    /// How many may be named besides.
    static let spare = 10_000
    /// How many that are settled already may be named in the bytes that proton takes at once.
    static let repeats = 16_384

    /// Takes a disposition.
    /// - Parameters:
    ///   - transfers: how many transfers there have been, of which deliveries are no more.
    ///   - repeated: how many deliveries have been named that were settled, in the bytes that proton takes at once.
    /// - Returns: whether it may go on.
    mutating func takes(_ range: Range, transfers: UInt32, repeated: inout Int) -> Bool {
        let more = range.last &- range.first
        // Proton ends the connection for a range that ends before it begins.
        guard more <= UInt32(Int32.max) else { return true }
        var width = Int(min(more, transfers)) + 1
        if let settled, Int32(bitPattern: settled &- range.first) > 0 {
            // A peer that names all from the first one on, each time.
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
    /// Takes a disposition of the peer's.
    /// - Returns: whether it may go on.
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
