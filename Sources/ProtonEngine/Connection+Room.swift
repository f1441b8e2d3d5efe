// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Limits on the sessions and links of a connection, from this side and from the peer's frames.
extension Connection {
    /// The maximum number of sessions that both sides allow, which is the number of channels (AMQP 1.0, 2.7.1).
    private var sessionLimit: Int {
        // Before the peer's open, proton knows only this side's limit.
        guard let transport = pointer.flatMap(pn_connection_transport) else { return ownSessionLimit }
        return min(ownSessionLimit, Int(pn_transport_get_channel_max(transport)) + 1)
    }

    /// Proton allows at most 32,768.
    private var ownSessionLimit: Int { min(limits.maxSessions, 32_768) }

    /// Checks that there is a channel for another session.
    /// - Throws: `ProtonError.Code.limitExceeded` that names the limit.
    func checkRoomForSession() throws(ProtonError) {
        let limit = sessionLimit
        // A session that only this side has ended may still use its channel: proton frees it after writing the end frame. If no
        // channel is left, proton stops writing.
        guard allSessions.count(where: { $0.state != .closed }) >= limit else { return }
        let reason =
            limit < ownSessionLimit
            ? "its peer allows \(limit) at once (channel-max \(limit - 1))"
            : "ConnectionLimits.maxSessions allows \(limit) at once"
        throw ProtonError(.limitExceeded, "The connection has \(limit) sessions: \(reason). Close one first.")
    }

    /// Whether there is a channel for a session that this side is about to open.
    func hasChannel(for session: Session) -> Bool {
        allSessions.count { $0 !== session && !$0.isLocalUninitialized } < sessionLimit
    }

    /// Whether there is a channel for a session that the peer has begun. Ended sessions use their channels until proton has
    /// written the end frames.
    func hasWrittenChannel(for session: Session) -> Bool {
        let others = allSessions.count { $0 !== session && !$0.isLocalUninitialized }
        if others + endedSessions.count < sessionLimit { return true }
        return hasWrittenEnds() && others < sessionLimit
    }

    /// Sessions that have ended, and whose channels proton may still use.
    struct EndedSessions {
        var count = 0
        /// The number of frames written before the first of them ended.
        var frameCount: UInt64 = 0
    }

    /// Counts a session that has ended on both sides.
    func noteSessionEnd() {
        if endedSessions.count == 0 {
            endedSessions.frameCount = pointer.flatMap(pn_connection_transport).map(pn_transport_get_frames_output) ?? 0
        }
        endedSessions.count += 1
    }

    /// Whether proton has written the end frames of ended sessions; makes it write them if no output is pending.
    private func hasWrittenEnds() -> Bool {
        guard let transport = pointer.flatMap(pn_connection_transport) else { return false }
        if pn_transport_head(transport) == nil {
            guard !settleForeignDeliveries() else { return false }
            _ = pn_transport_pending(transport)
        } else {
            // Proton's output buffer must not move while the proactor writes it. Two frames for each of these sessions show that
            // the buffer was written to since.
            let written = pn_transport_get_frames_output(transport) - endedSessions.frameCount
            guard written >= 2 * endedSessions.count else { return false }
        }
        endedSessions.count = 0
        return true
    }

    /// Ends the connection because a session has no channel: proton would stop writing.
    func failForChannels() {
        end(
            for: Condition(
                .resourceLimitExceeded, "There are more sessions than channels: \(sessionLimit) are allowed."))
    }

    /// Checks that another link on a session is within the limits of this side and of the peer.
    ///
    /// One link above this side's limit ends the connection. The peer's limit (AMQP 1.0, 2.7.2: `handle-max`) is checked if it is
    /// known.
    /// - Throws: `ProtonError.Code.limitExceeded` with the limit.
    func checkRoomForLink(on session: Session) throws(ProtonError) {
        guard linkCount < linkLimit else {
            throw ProtonError(
                .limitExceeded,
                "The connection has \(linkCount) links: ConnectionLimits.maxLinks allows no more. Close one first.")
        }
        // Proton gives each link the lowest free handle of its session.
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

    /// Proton has 65,537 handles for the links of a session, and does not check whether one is free.
    private var linkLimit: Int { min(limits.maxLinks, 65_536) }

    /// Marks all links as ended, because the connection is being closed or is lost.
    func noteEnding() {
        for link in links { link.noteEnding() }
    }
}
