/// What attaches, detaches and transfers do to the links of a table.
extension SessionTable {
    /// Counts a transfer of the peer's.
    @inline(__always)
    mutating func countTransfer(fromPeerOn channel: UInt16) {
        guard let session = peerIndex(channel) else { return countFirstTransfer(channel) }
        with(session) { $0.received &+= 1 }
    }

    private mutating func countFirstTransfer(_ channel: UInt16) {
        guard let session = peerSession(channel) else { return }
        with(session) { $0.received &+= 1 }
    }

    /// Counts a transfer of this side's.
    /// - Returns: the link, where its message has used the last credit of a drain.
    @inline(__always)
    mutating func countTransfer(of handle: UInt32, isComplete: Bool, on session: Int) -> Int? {
        with(session) { session in
            session.nextOutgoing &+= 1
            guard isComplete, let link = session.link(ourHandle: handle) else { return nil }
            session.links[link].deliveryCount &+= 1
            guard session.links[link].awaitsDrainEnd, session.links[link].hasDrained() else { return nil }
            session.links[link].awaitsDrainEnd = false
            return link
        }
    }

    /// The peer attaches a link.
    /// - Returns: the handle of the link of that name that it takes the place of, where there is one.
    mutating func peerAttaches(_ name: FrameLink.Name, _ handle: UInt32, on session: Int) -> UInt32? {
        let known = sessions[session].link(named: name)
        var stolen: UInt32?
        if let known {
            switch sessions[session].links[known].peer {
            case .none:
                // This side has attached it first.
                sessions[session].peerAttaches(known, as: handle)
                return nil
            case .attached(let old):
                // The same handle twice is not for a peer to say: proton ends the connection.
                guard old != handle else { return nil }
                stolen = old
            case .detached: break
            }
        }
        guard let new = insert(FrameLink(name: name, replaces: known), on: session) else { return nil }
        if let known, stolen != nil { sessions[session].links[known].isStolen = true }
        sessions[session].peerAttaches(new, as: handle)
        return stolen
    }

    /// This side attaches a link.
    mutating func weAttach(_ name: FrameLink.Name, _ handle: UInt32, on session: Int) {
        guard handle < 65_536 else { return }
        let known = sessions[session].link(named: name)
        // Where there is none, the peer's attach has not come this way.
        guard
            let link = sessions[session].unattachedLink(named: name)
                ?? insert(FrameLink(name: name, replaces: known), on: session)
        else { return }
        weAttach(link, as: handle, on: session)
    }

    /// The peer detaches a link.
    mutating func peerDetaches(_ link: Int, of session: Int) {
        if sessions[session].peerDetaches(link) { dropAnswer(for: link, of: session) }
    }

    /// This side detaches a link.
    mutating func weDetach(_ handle: UInt32, on session: Int) {
        guard let link = sessions[session].link(ourHandle: handle) else { return }
        _ = sessions[session].weDetach(link)
        dropAnswer(for: link, of: session)
    }

    /// Follows one link more, where the connection may have that.
    private mutating func insert(_ link: FrameLink, on session: Int) -> Int? {
        // Twice as many as may be attached: those that are being detached are among them.
        guard sessions.reduce(0, { $0 + $1.linkCount }) < 2 * maxLinks else { return nil }
        return sessions[session].insert(link)
    }
}
