// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

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

    /// Whether there is a channel for a session that the peer has begun, beside those that have ended: proton has their
    /// channels until it has written the end frames.
    func hasWrittenChannel(for session: Session) -> Bool {
        let others = allSessions.count { $0 !== session && !$0.isLocalUninitialized }
        if others + endedSessions.count < sessionLimit { return true }
        return hasWrittenEnds() && others < sessionLimit
    }

    /// Sessions that have ended, and whose channels proton may still have.
    struct EndedSessions {
        var count = 0
        /// How many frames had been written when the first of them ended.
        var frameCount: UInt64 = 0
    }

    /// A session has ended on both sides.
    func noteSessionEnd() {
        if endedSessions.count == 0 {
            endedSessions.frameCount = pointer.flatMap(pn_connection_transport).map(pn_transport_get_frames_output) ?? 0
        }
        endedSessions.count += 1
    }

    /// Whether proton has written the end frames of sessions that are over; has it write them where no output waits.
    private func hasWrittenEnds() -> Bool {
        guard let transport = pointer.flatMap(pn_connection_transport) else { return false }
        if pn_transport_head(transport) == nil {
            guard !settleForeignDeliveries() else { return false }
            _ = pn_transport_pending(transport)
        } else {
            // Proton's memory for output must not be moved under the proactor, which is writing it. It was written to since
            // where there are as many frames as those sessions have made.
            let written = pn_transport_get_frames_output(transport) - endedSessions.frameCount
            guard written >= 2 * endedSessions.count else { return false }
        }
        endedSessions.count = 0
        return true
    }

    /// Closes the connection, on which a session is without a channel: proton would write nothing any more.
    func failForChannels() {
        end(
            for: Condition(
                .resourceLimitExceeded, "There are more sessions than channels: \(sessionLimit) are allowed."))
    }

    /// Makes sure that one link more on a session is within this side's limit, since one too many would end the connection,
    /// and has a handle that the peer takes (AMQP 1.0, 2.7.2: `handle-max`), as far as it has said so.
    /// - Throws: `ProtonError.Code.limitExceeded` that names the limit.
    func checkRoomForLink(on session: Session) throws(ProtonError) {
        guard linkCount < linkLimit else {
            throw ProtonError(
                .limitExceeded,
                "The connection has \(linkCount) links: ConnectionLimits.maxLinks allows no more. Close one first.")
        }
        // Proton gives each link the lowest handle that is free on its session.
        guard let handleMax = frameLayer?.peerHandleMax, handleMax < FrameSession.handleMax,
            links.count(where: { $0.session === session }) > handleMax
        else { return }
        throw ProtonError(
            .limitExceeded,
            "The session has \(handleMax + 1) links: its peer allows no more (handle-max \(handleMax)). "
                + "Close one first, or make the link on another session.")
    }

    /// Whether there are more links than this side allows.
    var hasTooManyLinks: Bool { linkCount > linkLimit }

    /// Proton has 65,537 handles for the links of a session, and does not look whether one is free.
    private var linkLimit: Int { min(limits.maxLinks, 65_536) }

    /// One side closes the connection, or it is lost: nothing can be sent on its links any more.
    func noteEnding() {
        for link in links { link.noteEnding() }
    }
}
