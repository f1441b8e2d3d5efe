// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Links that are opened before the peer's begin frame, which has the peer's number of handles (AMQP 1.0, 2.7.2: `handle-max`).
///
/// A peer has to close the connection if a handle is too high, and proton 0.37 does not check.
extension Session {
    /// Whether a link can be attached at once; called when it is opened.
    func admitsLink() -> Bool {
        // Without the frame layer, the peer's handle-max is not known.
        guard connection.limits.usesFrameLayer, state.remote == .uninitialized else { return true }
        // Handle 0 always exists.
        return !exchange(&hasFirstLink, with: true)
    }

    /// Opens the links that waited for the peer's begin, as long as the peer has handles for them.
    func openWaitingLinks() throws {
        let links = connection.links.filter { $0.session === self }
        let waiting = links.filter { $0.opening == .waits }
        guard !waiting.isEmpty else { return }
        var room = (connection.frameLayer?.peerHandleMax).map { Int($0) + 1 } ?? .max
        room -= links.count - waiting.count
        for link in waiting where link.opening == .waits {
            guard room > 0 else {
                try link.refuseOpening()
                continue
            }
            room -= 1
            link.opening = .asked
            link.open()
        }
    }
}

extension Link {
    /// The state of `open`.
    enum Opening {
        /// Proton has opened the link, or `open` was not called.
        case asked
        /// The link waits for the peer's begin.
        case waits
        /// The peer has no handle for the link.
        case refused
    }

    /// Ends a link that was never attached, because its peer has no handle for it.
    fileprivate func refuseOpening() throws {
        guard let pointer else { return }
        opening = .refused
        let condition = Condition(
            .resourceLimitExceeded,
            "The session's peer has no handle for the link: its handle-max allows no more. Open it on another session.")
        Condition.set(condition, in: pn_link_condition(pointer))
        noteEnding()
        try nearestHandler.handle(.link(.failed, self))
        try nearestHandler.handle(.link(.final, self))
        free()
    }
}
