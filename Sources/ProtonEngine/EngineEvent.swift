// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What happened to an endpoint, a delivery or a transport of a connection (`pn_event_type_t`).
///
/// Types of proton's that have no case here are not passed on.
package enum EngineEvent {
    package enum ConnectionChange {
        case initialized, bound, unbound, localOpen, remoteOpen, localClose, remoteClose, final
        /// This side has closed the connection since the peer broke a rule or a limit: after `localClose`, with
        /// `condition`. Not of proton's.
        case failed
    }

    package enum SessionChange {
        case initialized, localOpen, remoteOpen, localClose, remoteClose, final
    }

    package enum LinkChange {
        case initialized, localOpen, remoteOpen, localClose, remoteClose, localDetach, remoteDetach, flow, final
        /// This side has closed the link since the peer broke a rule or a limit: after `localClose`, with `condition`.
        /// Not of proton's.
        case failed
    }

    package enum TransportChange {
        case changed, authenticated, error, headClosed, tailClosed, closed
        /// The connection is not made again: not of proton's, but the floor above's.
        case gaveUp
    }

    case connection(ConnectionChange, Connection)
    case session(SessionChange, Session)
    case link(LinkChange, Link)
    case delivery(Delivery)
    case transport(TransportChange, Connection)
}

/// What is told of engine events: the nearest one of a link's, its session's and its connection's.
package protocol EventHandler: AnyObject {
    /// Handles an event, in its connection's domain.
    func handle(_ event: EngineEvent) throws
    /// Handles an event of a delivery, which most are: without an `EngineEvent` around it.
    func handle(_ delivery: Delivery) throws
}

extension EventHandler {
    package func handle(_ delivery: Delivery) throws {
        try handle(.delivery(delivery))
    }
}
