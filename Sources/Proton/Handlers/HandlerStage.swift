// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// One handler of a pipeline, with the adapters of the library.
struct HandlerStage {
    let handler: any ProtonHandler
    let adapters: HandlerAdapters

    private init(_ handler: any ProtonHandler) {
        self.handler = handler
        adapters = handler.adapters
    }

    /// A stage that does nothing, for a pipeline without handlers.
    static var nobody: HandlerStage { HandlerStage(EmptyHandler()) }

    /// A handler, followed by its own `handlers`.
    static func stages(of handler: any ProtonHandler) -> [HandlerStage] {
        [HandlerStage(handler)] + handler.handlers.flatMap(stages)
    }

    // MARK: Calling the handler

    /// Passes an event to the handler, and then to the adapters that make further callbacks.
    func tell(_ event: EngineEvent) throws {
        switch event {
        case .delivery(let delivery): try tell(DeliveryEvent(delivery: delivery))
        case .link(let change, let link): try tell(change, LinkEvent(link: link))
        case .session(let change, let session): try tell(change, SessionEvent(session: session))
        case .connection(let change, let connection): try tell(change, ConnectionEvent(connection: connection))
        case .transport(let change, let connection): try tell(change, TransportEvent(connection: connection))
        }
    }

    func tell(_ event: DeliveryEvent) throws {
        try handler.onDelivery(event)
        if event.delivery.link.isSender {
            try adapters.outgoing?.onDelivery(event)
        } else {
            try adapters.incoming?.onDelivery(event)
        }
    }

    private func tell(_ change: EngineEvent.LinkChange, _ event: LinkEvent) throws {
        switch change {
        case .flow:
            try handler.onLinkFlow(event)
            try adapters.outgoing?.onLinkFlow(event)
        case .initialized: try handler.onLinkInit(event)
        case .localOpen:
            try handler.onLinkLocalOpen(event)
            try adapters.flow?.topUp(event.link)
            try adapters.endpoints?.onLinkLocalOpen(event)
        case .remoteOpen:
            try handler.onLinkRemoteOpen(event)
            try adapters.flow?.topUp(event.link)
            try adapters.endpoints?.onLinkRemoteOpen(event)
        case .localClose: try handler.onLinkLocalClose(event)
        case .remoteClose:
            try handler.onLinkRemoteClose(event)
            try adapters.endpoints?.onLinkRemoteClose(event)
        case .localDetach: try handler.onLinkLocalDetach(event)
        case .remoteDetach:
            try handler.onLinkRemoteDetach(event)
            try adapters.endpoints?.onLinkRemoteDetach(event)
        case .failed: try adapters.endpoints?.onLinkFailed(event)
        case .final: try handler.onLinkFinal(event)
        }
    }

    private func tell(_ change: EngineEvent.SessionChange, _ event: SessionEvent) throws {
        switch change {
        case .initialized: try handler.onSessionInit(event)
        case .localOpen:
            try handler.onSessionLocalOpen(event)
            try adapters.endpoints?.onSessionLocalOpen(event)
        case .remoteOpen:
            try handler.onSessionRemoteOpen(event)
            try adapters.endpoints?.onSessionRemoteOpen(event)
        case .localClose: try handler.onSessionLocalClose(event)
        case .remoteClose:
            try handler.onSessionRemoteClose(event)
            try adapters.endpoints?.onSessionRemoteClose(event)
        case .final: try handler.onSessionFinal(event)
        }
    }

    private func tell(_ change: EngineEvent.ConnectionChange, _ event: ConnectionEvent) throws {
        switch change {
        case .initialized: try handler.onConnectionInit(event)
        case .bound: try handler.onConnectionBound(event)
        case .unbound: try handler.onConnectionUnbound(event)
        case .localOpen:
            try handler.onConnectionLocalOpen(event)
            try adapters.endpoints?.onConnectionLocalOpen(event)
        case .remoteOpen:
            try handler.onConnectionRemoteOpen(event)
            try adapters.endpoints?.onConnectionRemoteOpen(event)
        case .localClose: try handler.onConnectionLocalClose(event)
        case .remoteClose:
            try handler.onConnectionRemoteClose(event)
            try adapters.endpoints?.onConnectionRemoteClose(event)
        case .failed: try adapters.endpoints?.onConnectionFailed(event)
        case .final: try handler.onConnectionFinal(event)
        }
    }

    private func tell(_ change: EngineEvent.TransportChange, _ event: TransportEvent) throws {
        switch change {
        case .changed: try handler.onTransport(event)
        case .authenticated: try handler.onTransportAuthenticated(event)
        case .error: try handler.onTransportError(event)
        case .headClosed: try handler.onTransportHeadClosed(event)
        case .tailClosed: try handler.onTransportTailClosed(event)
        case .closed:
            try handler.onTransportClosed(event)
            try adapters.endpoints?.onTransportClosed(event)
        case .gaveUp: try adapters.messaging?.onReconnectFailed(event)
        }
    }
}

/// A handler that does nothing.
final class EmptyHandler: ProtonHandler {}
