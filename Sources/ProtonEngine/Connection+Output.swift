// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// A peer that gives credit and does not read: senders stop at a bound of bytes, and go on when these are written.
extension Connection {
    /// A batch of events begins: tells senders that they may send again, where that has become so.
    /// - Throws: what handlers throw.
    func noteBatchStart() throws {
        guard unsent.isWorthALook, let transport = pointer.flatMap(pn_connection_transport),
            pn_transport_head(transport) == nil, unsent.noteWritten(allBut: waitingBytes)
        else { return }
        for link in links where link.isSender && link.credit > 0 {
            try link.nearestHandler.handle(.link(.flow, link))
        }
    }

    /// What waits in proton for the peer's windows.
    private var waitingBytes: Int {
        allSessions.reduce(0) { $0 + $1.outgoingBytes }
            + links.reduce(0) { $0 + ($1.isSender ? $1.queuedCount * UnsentOutput.messageCost : 0) }
    }

    /// Sees to it that there is an event when more is written, while nothing may be sent; called after a batch of events.
    ///
    /// Proton has none for that. It has one for a delivery that is aborted before any of it is sent, when it next looks for
    /// what to write, which it does each time the socket has taken what there was before. That is made on a link which is
    /// no other's and never opened, so that no frame tells of it.
    func watchOutput() {
        guard unsent.isFull, !isOutputWatched, let transport = pointer.flatMap(pn_connection_transport) else { return }
        // Where nothing waits for the socket, the peer's windows are shut: a flow of its says more.
        guard unsent.takeGrowth() || pn_transport_head(transport) != nil, let link = linkForOutput(),
            let delivery = pn_delivery(link, pn_dtag(nil, 0))
        else { return }
        Delivery.markSettled(delivery)
        pn_delivery_abort(delivery)
        isOutputWatched = true
    }

    /// A link of proton's that is never opened, and the session that it goes with.
    struct OutputLink {
        let session: Session
        let pointer: OpaquePointer
    }

    private func linkForOutput() -> OpaquePointer? {
        if let outputLink, outputLink.session.pointer != nil { return outputLink.pointer }
        guard let session = allSessions.first(where: \.isLocalOpen),
            let link = pn_sender(session.pointer, FrameScanner.scratchName.map { CChar(bitPattern: $0) } + [0])
        else { return nil }
        outputLink = OutputLink(session: session, pointer: link)
        return link
    }

    /// An event of a link that is not the program's has come.
    func noteEvent(_ change: EngineEvent.LinkChange, ofUnknown link: OpaquePointer) {
        guard Link.isScratch(link) else { return }
        switch change {
        case .flow: isOutputWatched = false
        case .remoteOpen: end(for: Condition(.invalidField, "The name of a link is no text."))
        default: break
        }
    }
}
