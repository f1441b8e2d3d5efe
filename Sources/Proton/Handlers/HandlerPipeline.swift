import AMQP
import ProtonEngine

/// Hands an engine event to a handler, then to what serves it, then to the handlers below it.
final class HandlerPipeline: EventHandler {
    let handler: any Handler
    private let services: Services?
    let children: [HandlerPipeline]

    /// What stands between a `MessagingHandler` and the engine, in the order of its turns.
    ///
    /// A class, since a copy of four references for each event costs more than the one to this.
    private final class Services {
        let flow: FlowController?
        let endpoints: EndpointStateHandler
        let incoming: IncomingMessageHandler
        let outgoing: OutgoingMessageHandler

        init(_ handler: any MessagingHandler) {
            let options = handler.options
            flow = options.prefetch > 0 ? FlowController(options.prefetch) : nil
            endpoints = EndpointStateHandler(
                treatsPeerCloseAsError: options.treatsPeerCloseAsError, delegate: handler)
            incoming = IncomingMessageHandler(autoAccepts: options.autoAccepts, delegate: handler)
            outgoing = OutgoingMessageHandler(autoSettles: options.autoSettles, delegate: handler)
        }
    }

    init(_ handler: any Handler) {
        self.handler = handler
        services = (handler as? any MessagingHandler).map(Services.init)
        children = handler.handlers.map(HandlerPipeline.init)
    }

    func handle(_ event: EngineEvent) throws {
        switch event {
        case .delivery(let delivery): return try handle(delivery)
        case .link(let change, let link): try handle(change, LinkEvent(link: link))
        case .session(let change, let session): try handle(change, SessionEvent(session: session))
        case .connection(let change, let connection): try handle(change, ConnectionEvent(connection: connection))
        case .transport(let change, let connection): try handle(change, connection)
        }
        for child in children { try child.handle(event) }
    }

    func handle(_ delivery: Delivery) throws {
        let event = DeliveryEvent(delivery: delivery)
        try handler.onDelivery(event)
        if let services {
            if delivery.link.isSender {
                try services.outgoing.onDelivery(event)
            } else {
                try services.incoming.onDelivery(event)
                // Last, since a message counts against the credit until it is taken: a window of one would stay shut.
                services.flow?.onDelivery(event)
            }
        }
        if !children.isEmpty {
            for child in children { try child.handle(delivery) }
        }
    }

    private func handle(_ change: EngineEvent.LinkChange, _ event: LinkEvent) throws {
        switch change {
        case .flow:
            try handler.onLinkFlow(event)
            services?.flow?.onLinkFlow(event)
            try services?.outgoing.onLinkFlow(event)
        case .initialized: try handler.onLinkInit(event)
        case .localOpen:
            try handler.onLinkLocalOpen(event)
            services?.flow?.onLinkLocalOpen(event)
            try services?.endpoints.onLinkLocalOpen(event)
        case .remoteOpen:
            try handler.onLinkRemoteOpen(event)
            services?.flow?.onLinkRemoteOpen(event)
            try services?.endpoints.onLinkRemoteOpen(event)
        case .localClose: try handler.onLinkLocalClose(event)
        case .remoteClose:
            try handler.onLinkRemoteClose(event)
            try services?.endpoints.onLinkRemoteClose(event)
        case .localDetach: try handler.onLinkLocalDetach(event)
        case .remoteDetach:
            try handler.onLinkRemoteDetach(event)
            services?.endpoints.onLinkRemoteDetach(event)
        case .final: try handler.onLinkFinal(event)
        }
    }

    private func handle(_ change: EngineEvent.SessionChange, _ event: SessionEvent) throws {
        switch change {
        case .initialized: try handler.onSessionInit(event)
        case .localOpen:
            try handler.onSessionLocalOpen(event)
            try services?.endpoints.onSessionLocalOpen(event)
        case .remoteOpen:
            try handler.onSessionRemoteOpen(event)
            try services?.endpoints.onSessionRemoteOpen(event)
        case .localClose: try handler.onSessionLocalClose(event)
        case .remoteClose:
            try handler.onSessionRemoteClose(event)
            try services?.endpoints.onSessionRemoteClose(event)
        case .final: try handler.onSessionFinal(event)
        }
    }

    private func handle(_ change: EngineEvent.ConnectionChange, _ event: ConnectionEvent) throws {
        switch change {
        case .initialized: try handler.onConnectionInit(event)
        case .bound: try handler.onConnectionBound(event)
        case .unbound: try handler.onConnectionUnbound(event)
        case .localOpen:
            try handler.onConnectionLocalOpen(event)
            try services?.endpoints.onConnectionLocalOpen(event)
        case .remoteOpen:
            try handler.onConnectionRemoteOpen(event)
            try services?.endpoints.onConnectionRemoteOpen(event)
        case .localClose: try handler.onConnectionLocalClose(event)
        case .remoteClose:
            try handler.onConnectionRemoteClose(event)
            try services?.endpoints.onConnectionRemoteClose(event)
        case .final: try handler.onConnectionFinal(event)
        }
    }

    private func handle(_ change: EngineEvent.TransportChange, _ connection: Connection) throws {
        let event = TransportEvent(connection: connection, error: connection.transportError)
        switch change {
        case .changed: try handler.onTransport(event)
        case .authenticated: try handler.onTransportAuthenticated(event)
        case .error: try handler.onTransportError(event)
        case .headClosed: try handler.onTransportHeadClosed(event)
        case .tailClosed: try handler.onTransportTailClosed(event)
        case .closed:
            try handler.onTransportClosed(event)
            try services?.endpoints.onTransportClosed(event)
        case .gaveUp: try (handler as? any MessagingHandler)?.onReconnectFailed(event)
        }
    }
}

/// Hands each event to several pipelines in turn: the handlers of a container that has more than one.
final class HandlerGroup: EventHandler {
    private let pipelines: [HandlerPipeline]

    init(_ pipelines: [HandlerPipeline]) {
        self.pipelines = pipelines
    }

    func handle(_ event: EngineEvent) throws {
        for pipeline in pipelines { try pipeline.handle(event) }
    }

    func handle(_ delivery: Delivery) throws {
        for pipeline in pipelines { try pipeline.handle(delivery) }
    }
}
