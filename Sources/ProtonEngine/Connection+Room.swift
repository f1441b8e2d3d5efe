import AMQP
import CProton

/// How many sessions and links a connection may have: by this side's limits, and by what the peer has said.
extension Connection {
    /// How many sessions the two sides have agreed on: as many as there are channels (AMQP 1.0, 2.7.1).
    private var sessionLimit: Int {
        // Before the peer has opened proton knows only this side's limit.
        guard let transport = pointer.flatMap(pn_connection_transport) else { return ownSessionLimit }
        return min(ownSessionLimit, Int(pn_transport_get_channel_max(transport)) + 1)
    }

    /// Proton takes 32,768 at most.
    private var ownSessionLimit: Int { min(limits.maxSessions, 32_768) }

    /// Makes sure that there is a channel for one session more.
    /// - Throws: `ProtonError.Code.limitExceeded` that names the limit.
    func checkRoomForSession() throws(ProtonError) {
        let limit = sessionLimit
        // One that only this side has ended may still have its channel: proton gives that away once the end frame is
        // written, and where there is none left it writes nothing any more.
        guard allSessions.count(where: { $0.state != .closed }) >= limit else { return }
        let reason =
            limit < ownSessionLimit
            ? "its peer allows \(limit) at once (channel-max \(limit - 1))"
            : "ConnectionLimits.maxSessions allows \(limit) at once"
        throw ProtonError(.limitExceeded, "The connection has \(limit) sessions: \(reason). Close one first.")
    }

    /// Whether there is a channel for a session that is about to be opened here.
    func hasChannel(for session: Session) -> Bool {
        allSessions.count { $0 !== session && !$0.isLocalUninitialized } < sessionLimit
    }

    /// Closes the connection, on which a session is without a channel: proton would write nothing any more.
    func failForChannels() {
        fail(Condition(.resourceLimitExceeded, "There are more sessions than channels: \(sessionLimit) are allowed."))
    }

    /// Makes sure that one link more is within this side's limit: one too many would end the connection.
    /// - Throws: `ProtonError.Code.limitExceeded` that names the limit.
    func checkRoomForLink() throws(ProtonError) {
        guard linkCount >= linkLimit else { return }
        throw ProtonError(
            .limitExceeded,
            "The connection has \(linkCount) links: ConnectionLimits.maxLinks allows no more. Close one first.")
    }

    /// Whether there are more links than this side allows.
    var hasTooManyLinks: Bool { linkCount > linkLimit }

    /// Proton has 65,537 handles for the links of a session, and does not look whether one is free.
    private var linkLimit: Int { min(limits.maxLinks, 65_536) }

    /// One side closes the connection, or it is lost: nothing can be sent on its links any more.
    func noteEnding() {
        for link in links { link.noteEnding() }
    }

    /// Closes the connection since its peer broke a rule or a limit; the program is told when the closing is.
    func fail(_ condition: Condition) {
        guard !isLocalClosed else { return }
        isFailing = true
        close(condition)
    }
}
