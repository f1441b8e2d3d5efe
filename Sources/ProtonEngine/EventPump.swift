// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

extension Connection {
    /// Dispatches an event of proton's to the nearest handler of its endpoint.
    ///
    /// Called in the connection's domain.
    /// - Throws: any error that the handler throws.
    func dispatch(_ event: OpaquePointer, _ type: pn_event_type_t) throws {
        if ending.isViolated, !isTold(event) { return }
        switch type {
        case PN_DELIVERY: try dispatchDelivery(pn_event_context(event))
        case PN_LINK_FLOW: try dispatch(.flow, link: pn_event_context(event))

        case PN_TRANSPORT: try eventHandler.handle(.transport(.changed, self))
        // If several addresses are tried, a failure to reach one of them is not reported.
        case PN_TRANSPORT_ERROR where isOneOfSeveralTries, PN_TRANSPORT_HEAD_CLOSED where isOneOfSeveralTries,
            PN_TRANSPORT_TAIL_CLOSED where isOneOfSeveralTries:
            break
        case PN_TRANSPORT_CLOSED where isOneOfSeveralTries: try eventHandler.handle(.connection(.unbound, self))
        case PN_TRANSPORT_AUTHENTICATED: try eventHandler.handle(.transport(.authenticated, self))
        case PN_TRANSPORT_ERROR:
            // Proton reports the condition of `abort` itself here.
            _ = takeAbort()
            isTransportErrorReported = true
            try eventHandler.handle(.transport(.error, self))
        case PN_TRANSPORT_HEAD_CLOSED: try eventHandler.handle(.transport(.headClosed, self))
        case PN_TRANSPORT_TAIL_CLOSED:
            try eventHandler.handle(.transport(.tailClosed, self))
            endAfterTail()
        case PN_TRANSPORT_CLOSED:
            noteEnding()
            if takeAbort() { try eventHandler.handle(.transport(.error, self)) }
            try eventHandler.handle(.transport(.closed, self))
            // Proton unbinds them only when the connection's events are no longer taken.
            try eventHandler.handle(.connection(.unbound, self))

        case PN_CONNECTION_INIT:
            let told = announcement.begin(isOpen: isLocalOpen)
            if told.initialized { try eventHandler.handle(.connection(.initialized, self)) }
            if told.opened { try eventHandler.handle(.connection(.localOpen, self)) }
        case PN_CONNECTION_BOUND:
            try eventHandler.handle(.connection(.bound, self))
            beginSASL()
            if case .unusable(let condition) = tls { abort(condition) }
        case PN_CONNECTION_LOCAL_OPEN:
            if announcement.open() { try eventHandler.handle(.connection(.localOpen, self)) }
        case PN_CONNECTION_LOCAL_CLOSE:
            try eventHandler.handle(.connection(.localClose, self))
            if exchange(&isFailing, with: false) { try eventHandler.handle(.connection(.failed, self)) }
        case PN_CONNECTION_REMOTE_CLOSE:
            noteEnding()
            try eventHandler.handle(.connection(.remoteClose, self))
        case PN_CONNECTION_REMOTE_OPEN:
            if admitsOpen() { try eventHandler.handle(.connection(.remoteOpen, self)) }

        case PN_SESSION_INIT: try dispatch(.initialized, session: pn_event_context(event))
        case PN_SESSION_LOCAL_OPEN: try dispatch(.localOpen, session: pn_event_context(event))
        case PN_SESSION_REMOTE_OPEN: try dispatch(.remoteOpen, session: pn_event_context(event))
        case PN_SESSION_LOCAL_CLOSE: try dispatch(.localClose, session: pn_event_context(event))
        case PN_SESSION_REMOTE_CLOSE: try dispatch(.remoteClose, session: pn_event_context(event))

        case PN_LINK_INIT: try dispatch(.initialized, link: pn_event_context(event))
        case PN_LINK_LOCAL_OPEN: try dispatch(.localOpen, link: pn_event_context(event))
        case PN_LINK_REMOTE_OPEN: try dispatch(.remoteOpen, link: pn_event_context(event))
        case PN_LINK_LOCAL_CLOSE: try dispatch(.localClose, link: pn_event_context(event))
        case PN_LINK_REMOTE_CLOSE: try dispatch(.remoteClose, link: pn_event_context(event))
        case PN_LINK_LOCAL_DETACH: try dispatch(.localDetach, link: pn_event_context(event))
        case PN_LINK_REMOTE_DETACH: try dispatch(.remoteDetach, link: pn_event_context(event))

        default: break
        }
    }

    // MARK: The end

    /// Sends the final events of the connection and its endpoints, links first, before the connection is freed; proton frees them
    /// in this order.
    ///
    /// Called in the connection's domain, before `finish`; sends nothing if the initialized event of the connection was not sent.
    package func dispatchFinal() throws {
        guard announcement.end() else { return }
        try dispatchFinal(of: links, allSessions)
        try eventHandler.handle(.connection(.final, self))
    }

    func dispatchFinal(of links: [Link], _ sessions: [Session]) throws {
        for link in links { try link.nearestHandler.handle(.link(.final, link)) }
        for session in sessions { try session.nearestHandler.handle(.session(.final, session)) }
    }

    // MARK: Deliveries

    @inline(__always)
    private func dispatchDelivery(_ context: UnsafeMutableRawPointer?) throws {
        guard let context, let linkPointer = pn_delivery_link(OpaquePointer(context)),
            let link = Link.existing(linkPointer)
        else { return }
        let delivery = OpaquePointer(context)
        if link.isReceiver, let violation = link.violation(by: delivery, on: linkPointer) {
            return link.refuse(delivery, for: violation)
        }
        if let known = Delivery(known: delivery, of: link) {
            guard !known.isSettledAsSent else { return }
            try link.nearestHandler(at: handlersVersion).handle(known)
            known.markReported()
            if link.settlesSecond { known.settleAfterSender() }
        } else if link.isSender {
            end(for: Connection.foreignDelivery)
        } else {
            let arrived = Delivery(arrived: delivery, on: link)
            try link.nearestHandler(at: handlersVersion).handle(arrived)
            arrived.remember()
        }
    }

    // MARK: Sessions

    private func dispatch(_ change: EngineEvent.SessionChange, session context: UnsafeMutableRawPointer?) throws {
        guard let pointer = context.map(OpaquePointer.init) else { return }
        // Only the event of its creation makes a wrapper; later events of a freed session are ignored.
        var session = Session.existing(pointer)
        if session == nil, case .initialized = change, !refusesEndpoint() {
            session = Session(pointer, of: self, isPeerMade: true)
        }
        guard let session else { return }
        switch change {
        case .initialized:
            let told = session.announcement.begin(isOpen: session.isLocalOpen)
            if told.initialized { try session.nearestHandler.handle(.session(.initialized, session)) }
            if told.opened { try session.nearestHandler.handle(.session(.localOpen, session)) }
            return
        case .localOpen where !session.announcement.open(): return
        case .localClose: session.endedSides.local = .closed
        case .remoteClose:
            session.endedSides.remote = .closed
            session.noteEnding()
        case .remoteOpen where session.isPeerMade && !hasWrittenChannel(for: session): return failForChannels()
        default: break
        }
        try session.nearestHandler.handle(.session(change, session))
        if case .remoteOpen = change { try session.openWaitingLinks() }
        guard session.endedSides == .closed, session.pointer != nil else { return }
        // Links that were left open end with the session.
        try dispatchFinal(of: links.filter { $0.session === session }, [session])
        session.free()
    }

    // MARK: Links

    private func dispatch(_ change: EngineEvent.LinkChange, link context: UnsafeMutableRawPointer?) throws {
        guard let pointer = context.map(OpaquePointer.init) else { return }
        var link = Link.existing(pointer)
        if link == nil, case .initialized = change, !Link.isScratch(pointer),
            let session = pn_link_session(pointer).flatMap(Session.existing), !refusesEndpoint()
        {
            link = Link.adopt(pointer, of: session)
        }
        guard let link else { return noteEvent(change, ofUnknown: pointer) }
        switch change {
        case .flow: return try dispatchFlow(of: link, pointer)
        case .initialized:
            let told = link.announcement.begin(isOpen: link.isLocalOpen)
            if told.initialized { try link.nearestHandler.handle(.link(.initialized, link)) }
            if told.opened { try link.nearestHandler.handle(.link(.localOpen, link)) }
            return
        case .localOpen where !link.announcement.open(): return
        case .remoteOpen where link.isPeerMade && hasTooManyLinks:
            return end(for: Condition(.resourceLimitExceeded, "More than \(limits.maxLinks) links on one connection."))
        case .remoteOpen: link.noteRemoteAttach()
        // A link that is attached again after a detach is a new one; the old one ends as after a close.
        case .localClose, .localDetach: link.endedSides.local = .closed
        case .remoteClose, .remoteDetach:
            link.endedSides.remote = .closed
            link.copyStolenCondition()
            link.noteEnding()
        case .localOpen, .failed, .final: break
        }
        try link.nearestHandler.handle(.link(change, link))
        switch change {
        case .localClose where exchange(&link.isFailing, with: false):
            try link.nearestHandler.handle(.link(.failed, link))
        // A sender could not use the credit before it was open, and no other event would report the credit.
        case .localOpen where exchange(&link.hasEarlyCredit, with: false):
            try link.nearestHandler.handle(.link(.flow, link))
        default: break
        }
        guard link.endedSides == .closed, link.pointer != nil else { return }
        try link.nearestHandler.handle(.link(.final, link))
        link.free()
    }

    private func dispatchFlow(of link: Link, _ pointer: OpaquePointer) throws {
        (link as? Sender)?.finishDrain()
        if link.announcement == .initialized, pn_link_state(pointer) & PN_LOCAL_UNINIT != 0 {
            link.hasEarlyCredit = true
        }
        try link.nearestHandler.handle(.link(.flow, link))
    }
}

extension Session {
    /// The handler of the session's events.
    package var nearestHandler: any EventHandler { eventHandler ?? connection.eventHandler }
}
