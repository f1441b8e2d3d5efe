// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// Opens the endpoints that the peer opens, and closes those that it closes: the simplest server.
public final class Handshaker: ProtonHandler {
    /// Creates a handshaker.
    public init() {}

    public func onConnectionRemoteOpen(_ event: ConnectionEvent) { open(event.connection) }
    public func onSessionRemoteOpen(_ event: SessionEvent) { open(event.session) }
    public func onLinkRemoteOpen(_ event: LinkEvent) {
        guard event.link.isLocalUninitialized else { return }
        event.link.copyRemoteTermini()
        event.link.open()
    }

    public func onConnectionRemoteClose(_ event: ConnectionEvent) { event.connection.close() }
    public func onSessionRemoteClose(_ event: SessionEvent) { event.session.close() }
    public func onLinkRemoteClose(_ event: LinkEvent) { event.link.close() }

    private func open(_ endpoint: some Endpoint) {
        if endpoint.isLocalUninitialized { endpoint.open() }
    }
}
