// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// Limits the output for a peer that gives credit and does not read: senders stop at a number of bytes, and continue after these
/// are written.
extension Connection {
    /// Notifies senders that may send again; called at the start of a batch of events.
    /// - Throws: any error that a handler throws.
    func noteBatchStart() throws {
        guard unsent.needsCheck, let transport = pointer.flatMap(pn_connection_transport),
            pn_transport_head(transport) == nil, unsent.noteWritten(allBut: waitingBytes)
        else { return }
        for link in links where link.isSender && link.credit > 0 {
            try link.nearestHandler.handle(.link(.flow, link))
        }
    }

    /// The bytes that wait in proton for the peer's windows to open.
    private var waitingBytes: Int {
        allSessions.reduce(0) { $0 + $1.outgoingBytes }
            + links.reduce(0) { $0 + ($1.isSender ? $1.queuedCount * UnsentOutput.messageCost : 0) }
    }

    /// Makes sure that an event occurs when more output is written, while senders must stop; called after a batch of events.
    ///
    /// Proton has no such event, but it makes one for a delivery that is aborted before any of it is sent. It makes this event
    /// when it next looks for output, which is after the socket has taken the output before. The delivery is made on a separate
    /// link that is never opened, so that no frame is sent for it.
    func watchOutput() {
        guard unsent.isFull, !isOutputWatched, let transport = pointer.flatMap(pn_connection_transport) else { return }
        // If the socket has taken all output, the peer's windows are closed, and a flow frame of the peer makes an event.
        guard unsent.takeGrowth() || pn_transport_head(transport) != nil, let link = linkForOutput(),
            let delivery = pn_delivery(link, pn_dtag(nil, 0))
        else { return }
        Delivery.markSettled(delivery)
        pn_delivery_abort(delivery)
        isOutputWatched = true
    }

    /// A link of proton's that is never opened, and its session.
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

    /// Handles an event of a link that the program did not make.
    func noteEvent(_ change: EngineEvent.LinkChange, ofUnknown link: OpaquePointer) {
        guard Link.isScratch(link) else { return }
        switch change {
        case .flow: isOutputWatched = false
        case .remoteOpen: end(for: Condition(.invalidField, "The name of a link is no text."))
        default: break
        }
    }
}
