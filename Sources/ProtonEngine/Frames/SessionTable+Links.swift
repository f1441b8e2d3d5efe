// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Applies attaches, detaches and transfers to the links of a table.
extension SessionTable {
    /// Counts and checks a transfer of the peer.
    /// - Returns: the violation; nil if there is none.
    @inline(__always)
    mutating func take(_ transfer: FrameLink.Transfer, on channel: UInt16) -> FrameViolation? {
        guard let session = peerIndex(channel), let link = sessions[session].link(peerHandle: transfer.handle) else {
            return takeUnknown(transfer, on: channel)
        }
        return with(session) { session in
            session.received &+= 1
            return session.links[link].take(transfer).map { .transfer($0) }
        }
    }

    /// Handles a transfer on a link whose attach this layer has not seen.
    private mutating func takeUnknown(_ transfer: FrameLink.Transfer, on channel: UInt16) -> FrameViolation? {
        guard let session = peerSession(channel) else { return .noSession(channel) }
        // If this side has not attached the link either, the transfer has no credit: this side is the sender of the link.
        guard !knowsAll, sessions[session].receivesUnknown else { return .noLink(transfer.handle) }
        guard transfer.handle <= FrameSession.handleMax else { return .handle(transfer.handle) }
        guard let link = insert(FrameLink(unknown: transfer.handle), on: session) else {
            return .links(limit: linkLimit)
        }
        sessions[session].peerAttaches(link, as: transfer.handle)
        return take(transfer, on: channel)
    }

    /// Counts a transfer of this side.
    /// - Returns: the link, if its message has used the last credit of a drain.
    @inline(__always)
    mutating func countTransfer(of handle: UInt32, isComplete: Bool, on session: Int) -> Int? {
        with(session) { session in
            session.nextOutgoing &+= 1
            session.sent &+= 1
            guard isComplete, let link = session.link(ourHandle: handle) else { return nil }
            session.links[link].deliveryCount &+= 1
            guard session.links[link].awaitsDrainEnd, session.links[link].hasDrained() else { return nil }
            session.links[link].awaitsDrainEnd = false
            return link
        }
    }

    /// The result of a peer's attach.
    enum Attach {
        /// The link is accepted.
        case taken
        /// The link is accepted, and steals the link with the same name, which is attached with another handle.
        case stolen(from: UInt32)
        case refused(FrameViolation)
    }

    /// Handles an attach of the peer.
    /// - Parameters:
    ///   - count: the initial delivery-count, if the peer is the sender.
    ///   - weight: the memory that the attach takes, in bytes.
    mutating func peerAttaches(
        _ name: FrameLink.Name, _ handle: UInt32, count: UInt32, weight: Int, on session: Int
    ) -> Attach {
        guard handle <= FrameSession.handleMax else { return .refused(.handle(handle)) }
        guard sessions[session].link(peerHandle: handle) == nil else { return .refused(.handleInUse(handle)) }
        guard sessions.reduce(weight, { $0 + $1.weight }) <= linkMemory else {
            return .refused(.linkMemory(limit: linkMemory))
        }
        let known = sessions[session].link(named: name)
        var stolen: UInt32?
        if let known {
            switch sessions[session].links[known].peer {
            case .none:
                // This side has attached the link first.
                sessions[session].links[known].begin(at: count)
                sessions[session].peerAttaches(known, as: handle, weight: weight)
                return .taken
            case .attached(let old): stolen = old
            case .detached: break
            }
        }
        guard let new = insert(FrameLink(name: name, replaces: known), on: session) else {
            return .refused(.links(limit: linkLimit))
        }
        sessions[session].links[new].begin(at: count)
        sessions[session].peerAttaches(new, as: handle, weight: weight)
        guard let known, let stolen else { return .taken }
        sessions[session].links[known].isStolen = true
        return .stolen(from: stolen)
    }

    /// Handles an attach of this side.
    mutating func localAttach(_ name: FrameLink.Name, _ handle: UInt32, on session: Int) {
        guard handle <= FrameSession.handleMax else { return }
        let known = sessions[session].link(named: name)
        // If there is none, this layer has not seen the peer's attach.
        guard
            let link = sessions[session].unattachedLink(named: name)
                ?? insert(FrameLink(name: name, replaces: known), on: session)
        else { return }
        localAttach(link, as: handle, on: session)
    }

    /// Handles a detach of the peer.
    mutating func peerDetaches(_ link: Int, of session: Int) {
        if sessions[session].peerDetaches(link) { dropAnswer(for: link, of: session) }
    }

    /// Handles a detach of this side.
    mutating func weDetach(_ handle: UInt32, on session: Int) {
        guard let link = sessions[session].link(ourHandle: handle) else { return }
        _ = sessions[session].weDetach(link)
        dropAnswer(for: link, of: session)
    }

    /// Adds a link, unless the limit of the connection is reached.
    private mutating func insert(_ link: FrameLink, on session: Int) -> Int? {
        guard sessions.reduce(0, { $0 + $1.linkCount }) < linkLimit else { return nil }
        return sessions[session].insert(link)
    }
}
