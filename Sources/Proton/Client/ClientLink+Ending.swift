// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// The callbacks that end a link.
extension ClientLink {
    func onLinkError(_ event: LinkEvent) { settleAndEnd(event) }

    func onLinkDetached(_ event: LinkEvent) { settleAndEnd(event) }

    /// Settles the unsettled messages while the link exists, and ends the link.
    private func settleAndEnd(_ event: LinkEvent) {
        traffic.closing(event.link)
        end(isAnswer && event.link.remoteCondition == nil ? closedByPeer : event.error)
    }

    func onLinkClosed(_ event: LinkEvent) { end(closedHere) }

    func onLinkClosing(_ event: LinkEvent) { settleAndEnd(event) }

    func onLinkFinal(_ event: LinkEvent) {
        // If a connection is not made again, its links are freed before it.
        let over = ProtonError(
            isAnswer ? .closed : .linkError, "\(title): its session or its connection has ended.")
        end(connection.loss ?? over)
    }
}
