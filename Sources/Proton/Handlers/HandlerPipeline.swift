import AMQP
import ProtonEngine

/// Hands an engine event to a handler, then to what serves it, then to the handlers below it.
final class HandlerPipeline: EventHandler {
    let handler: any Handler
    // What stands between a `MessagingHandler` and the engine, in the order of its turns.
    private let flow: FlowController?
    private let endpoints: EndpointStateHandler?
    private let incoming: IncomingMessageHandler?
    private let outgoing: OutgoingMessageHandler?
    let children: [HandlerPipeline]

    init(_ handler: any Handler) {
        self.handler = handler
        children = handler.handlers.map(HandlerPipeline.init)
        guard let handler = handler as? any MessagingHandler else {
            (flow, endpoints, incoming, outgoing) = (nil, nil, nil, nil)
            return
        }
        let options = handler.options
        flow = FlowController(options.prefetch, delegate: handler)
        endpoints = EndpointStateHandler(treatsPeerCloseAsError: options.treatsPeerCloseAsError, delegate: handler)
        incoming = IncomingMessageHandler(autoAccepts: options.autoAccepts, delegate: handler)
        outgoing = OutgoingMessageHandler(autoSettles: options.autoSettles, delegate: handler)
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
        if delivery.link.isSender {
            try outgoing?.onDelivery(event)
        } else {
            try incoming?.onDelivery(event)
            // Last, since a message counts against the credit until it is taken: a window of one would stay shut.
            try flow?.onDelivery(event)
        }
        if !children.isEmpty {
            for child in children { try child.handle(delivery) }
        }
    }

    private func handle(_ change: EngineEvent.LinkChange, _ event: LinkEvent) throws {
        switch change {
        case .flow:
            try handler.onLinkFlow(event)
            try flow?.onLinkFlow(event)
            try outgoing?.onLinkFlow(event)
        case .initialized: try handler.onLinkInit(event)
        case .localOpen:
            try handler.onLinkLocalOpen(event)
            try flow?.onLinkLocalOpen(event)
            try endpoints?.onLinkLocalOpen(event)
        case .remoteOpen:
            try handler.onLinkRemoteOpen(event)
            try flow?.onLinkRemoteOpen(event)
            try endpoints?.onLinkRemoteOpen(event)
        case .localClose: try handler.onLinkLocalClose(event)
        case .remoteClose:
            try handler.onLinkRemoteClose(event)
            try endpoints?.onLinkRemoteClose(event)
        case .localDetach: try handler.onLinkLocalDetach(event)
        case .remoteDetach:
            try handler.onLinkRemoteDetach(event)
            try endpoints?.onLinkRemoteDetach(event)
        case .final: try handler.onLinkFinal(event)
        }
    }

    private func handle(_ change: EngineEvent.SessionChange, _ event: SessionEvent) throws {
        switch change {
        case .initialized: try handler.onSessionInit(event)
        case .localOpen:
            try handler.onSessionLocalOpen(event)
            try endpoints?.onSessionLocalOpen(event)
        case .remoteOpen:
            try handler.onSessionRemoteOpen(event)
            try endpoints?.onSessionRemoteOpen(event)
        case .localClose: try handler.onSessionLocalClose(event)
        case .remoteClose:
            try handler.onSessionRemoteClose(event)
            try endpoints?.onSessionRemoteClose(event)
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
            try endpoints?.onConnectionLocalOpen(event)
        case .remoteOpen:
            try handler.onConnectionRemoteOpen(event)
            try endpoints?.onConnectionRemoteOpen(event)
        case .localClose: try handler.onConnectionLocalClose(event)
        case .remoteClose:
            try handler.onConnectionRemoteClose(event)
            try endpoints?.onConnectionRemoteClose(event)
        case .final: try handler.onConnectionFinal(event)
        }
    }

    private func handle(_ change: EngineEvent.TransportChange, _ connection: Connection) throws {
        let event = TransportEvent(connection: connection)
        switch change {
        case .changed: try handler.onTransport(event)
        case .authenticated: try handler.onTransportAuthenticated(event)
        case .error: try handler.onTransportError(event)
        case .headClosed: try handler.onTransportHeadClosed(event)
        case .tailClosed: try handler.onTransportTailClosed(event)
        case .closed:
            try handler.onTransportClosed(event)
            try endpoints?.onTransportClosed(event)
        case .gaveUp: try (handler as? any MessagingHandler)?.onReconnectFailed(event)
        }
    }
}

extension HandlerPipeline: ApplicationEventHandler {
    func handle(_ event: ApplicationEvent) throws {
        try handler.onApplicationEvent(event)
        for child in children { try child.handle(event) }
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

extension HandlerGroup: ApplicationEventHandler {
    func handle(_ event: ApplicationEvent) throws {
        for pipeline in pipelines { try pipeline.handle(event) }
    }
}
