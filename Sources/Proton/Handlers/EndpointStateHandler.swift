// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonEngine

/// Translates the opening and closing of endpoints into the callbacks of a `MessagingHandler`, and answers the peer.
public final class EndpointStateHandler: ProtonHandler {
    private let delegate: any MessagingHandler
    private let treatsPeerCloseAsError: Bool
    private let opensLinks: Bool

    /// Creates a handler that calls its delegate, which it keeps alive.
    public init(
        treatsPeerCloseAsError: Bool = false, opensLinks: Bool = true, delegate: any MessagingHandler
    ) {
        self.treatsPeerCloseAsError = treatsPeerCloseAsError
        self.opensLinks = opensLinks
        self.delegate = delegate
    }

    // MARK: Opening

    public func onConnectionLocalOpen(_ event: ConnectionEvent) throws {
        if event.connection.isRemoteOpen { try delegate.onConnectionOpened(event) }
    }

    public func onConnectionRemoteOpen(_ event: ConnectionEvent) throws {
        if event.connection.isLocalOpen {
            try delegate.onConnectionOpened(event)
        } else if event.connection.isLocalUninitialized {
            try delegate.onConnectionOpening(event)
            if event.connection.isLocalUninitialized { event.connection.open() }
        }
    }

    public func onSessionLocalOpen(_ event: SessionEvent) throws {
        if event.session.isRemoteOpen { try delegate.onSessionOpened(event) }
    }

    public func onSessionRemoteOpen(_ event: SessionEvent) throws {
        if event.session.isLocalOpen {
            try delegate.onSessionOpened(event)
        } else if event.session.isLocalUninitialized {
            try delegate.onSessionOpening(event)
            if event.session.isLocalUninitialized { event.session.open() }
        }
    }

    public func onLinkLocalOpen(_ event: LinkEvent) throws {
        if event.link.isRemoteOpen { try delegate.onLinkOpened(event) }
    }

    public func onLinkRemoteOpen(_ event: LinkEvent) throws {
        let link = event.link
        if link.isLocalOpen {
            try delegate.onLinkOpened(event)
        } else if link.isLocalUninitialized {
            // The callback's settings count: the peer's termini are the answer only if the callback sets nothing else.
            link.copyRemoteTermini()
            // Not for a receiver: in the mode `second` it keeps messages until the sender settles: the program has to choose it.
            if link.isSender { link.receiverSettleMode = link.remoteReceiverSettleMode }
            try delegate.onLinkOpening(event)
            if opensLinks, link.isLocalUninitialized { link.open() }
        }
    }

    // MARK: Closing

    public func onConnectionRemoteClose(_ event: ConnectionEvent) throws {
        let connection = event.connection
        if let condition = connection.remoteCondition {
            if connection.treatsCloseAsLoss {
                // The callbacks of a lost transport follow.
                connection.abort(condition)
                return
            }
            try delegate.onConnectionError(event)
        } else if connection.isLocalClosed {
            try delegate.onConnectionClosed(event)
        } else if treatsPeerCloseAsError {
            try delegate.onConnectionError(event)
        } else {
            try delegate.onConnectionClosing(event)
        }
        connection.close()
    }

    public func onSessionRemoteClose(_ event: SessionEvent) throws {
        if event.session.remoteCondition != nil {
            try delegate.onSessionError(event)
        } else if event.session.isLocalClosed || event.connection.isLocalClosed {
            // Sessions and links on a connection that is closed here are closed with it.
            try delegate.onSessionClosed(event)
        } else if treatsPeerCloseAsError {
            try delegate.onSessionError(event)
        } else {
            try delegate.onSessionClosing(event)
        }
        event.session.close()
    }

    public func onLinkRemoteClose(_ event: LinkEvent) throws {
        if event.link.remoteCondition != nil {
            try delegate.onLinkError(event)
        } else if event.link.isLocalClosed || event.connection.isLocalClosed {
            try delegate.onLinkClosed(event)
        } else if treatsPeerCloseAsError {
            try delegate.onLinkError(event)
        } else {
            try delegate.onLinkClosing(event)
        }
        event.link.close()
    }

    public func onLinkRemoteDetach(_ event: LinkEvent) throws {
        try delegate.onLinkDetached(event)
        event.link.detach()
    }

    // MARK: Closing here because of the peer

    /// This side has closed the link since the peer violated a rule or a limit: see `link.condition`.
    func onLinkFailed(_ event: LinkEvent) throws {
        log(event.link.title, event.link)
        try delegate.onLinkError(event)
    }

    /// This side has closed the connection since the peer violated a rule or a limit.
    func onConnectionFailed(_ event: ConnectionEvent) throws {
        log("connection", event.connection)
        try delegate.onConnectionError(event)
    }

    private func log(_ title: String, _ endpoint: some Endpoint) {
        let reason = endpoint.condition?.text ?? "no reason"
        endpoint.connection.container.logger.warning(
            "The \(title) is closed here: \(reason)",
            metadata: ["peer": "\(endpoint.connection.transport?.remoteAddress ?? "unknown")"])
    }

    // MARK: Transport

    public func onTransportClosed(_ event: TransportEvent) throws {
        // A failed attempt to connect does not lose a connection.
        if event.connection.isLocalOpen, event.connection.isRemoteOpened { try delegate.onDisconnected(event) }
    }
}
