// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An event of an endpoint, a delivery or a transport of a connection (`pn_event_type_t`).
///
/// Event types of proton without a case here are not delivered.
package enum EngineEvent {
    package enum ConnectionChange {
        case initialized, bound, unbound, localOpen, remoteOpen, localClose, remoteClose, final
        /// This side has closed the connection because the peer broke a rule or exceeded a limit: follows `localClose`, with
        /// `condition`. Proton has no such event.
        case failed
    }

    package enum SessionChange {
        case initialized, localOpen, remoteOpen, localClose, remoteClose, final
    }

    package enum LinkChange {
        case initialized, localOpen, remoteOpen, localClose, remoteClose, localDetach, remoteDetach, flow, final
        /// This side has closed the link because the peer broke a rule or exceeded a limit: follows `localClose`, with
        /// `condition`. Proton has no such event.
        case failed
    }

    package enum TransportChange {
        case changed, authenticated, error, headClosed, tailClosed, closed
        /// The connection is not made again. Sent by the module above; proton has no such event.
        case gaveUp
    }

    case connection(ConnectionChange, Connection)
    case session(SessionChange, Session)
    case link(LinkChange, Link)
    case delivery(Delivery)
    case transport(TransportChange, Connection)
}

/// Receives engine events: the first handler that is set on the link, its session, or its connection.
package protocol EventHandler: AnyObject {
    /// Handles an event, in its connection's domain.
    func handle(_ event: EngineEvent) throws
    /// Handles an event of a delivery, the most frequent kind, without wrapping it in an `EngineEvent`.
    func handle(_ delivery: Delivery) throws
}

extension EventHandler {
    package func handle(_ delivery: Delivery) throws {
        try handle(.delivery(delivery))
    }
}
