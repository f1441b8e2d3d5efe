import AMQP
import ProtonEngine

/// Hands an engine event to a handler, then to what serves it, then to the handlers below it.
final class HandlerPipeline: HandlerTree {
    let handler: any Handler
    // What stands between a `MessagingHandler` and the engine, in the order of its turns; of other handlers only what
    // they are themselves.
    private let flow: FlowController?
    private let endpoints: EndpointStateHandler?
    private let incoming: IncomingMessageHandler?
    private let outgoing: OutgoingMessageHandler?
    let children: [HandlerPipeline]

    init(_ handler: any Handler) {
        self.handler = handler
        children = handler.handlers.map(HandlerPipeline.init)
        guard let handler = handler as? any MessagingHandler else {
            (endpoints, incoming) = (nil, nil)
            (flow, outgoing) = (handler as? FlowController, handler as? OutgoingMessageHandler)
            return
        }
        let options = handler.options
        flow = FlowController(options.prefetch, delegate: handler)
        endpoints = EndpointStateHandler(treatsPeerCloseAsError: options.treatsPeerCloseAsError, delegate: handler)
        incoming = IncomingMessageHandler(autoAccepts: options.autoAccepts, delegate: handler)
        outgoing = OutgoingMessageHandler(autoSettles: options.autoSettles, delegate: handler)
    }

    private var isMessaging: Bool { incoming != nil }

    // MARK: The last turn

    func settle(_ delivery: Delivery) {
        outgoing?.settle(delivery)
        for child in children { child.settle(delivery) }
    }

    func topUp(_ link: Link) {
        flow?.topUp(link)
        for child in children { child.topUp(link) }
    }

    func tellDrainEnd(_ event: ReceiverEvent) throws {
        try flow?.tellDrainEnd(event)
        for child in children { try child.tellDrainEnd(event) }
    }

    func tellDrainStart(_ event: SenderEvent) throws {
        if let outgoing {
            event.drainAnswer?.told += 1
            try outgoing.tellDrainStart(event)
        }
        for child in children { try child.tellDrainStart(event) }
    }

    // MARK: The event

    func tell(_ event: EngineEvent) throws {
        switch event {
        case .delivery(let delivery): return try tell(delivery)
        case .link(let change, let link): try tell(change, LinkEvent(link: link))
        case .session(let change, let session): try tell(change, SessionEvent(session: session))
        case .connection(let change, let connection): try tell(change, ConnectionEvent(connection: connection))
        case .transport(let change, let connection): try tell(change, connection)
        }
        for child in children { try child.tell(event) }
    }

    func tell(_ delivery: Delivery) throws {
        let event = DeliveryEvent(delivery: delivery)
        try handler.onDelivery(event)
        if let incoming {
            if delivery.link.isSender { try outgoing?.onDelivery(event) } else { try incoming.onDelivery(event) }
        }
        if !children.isEmpty {
            for child in children { try child.tell(delivery) }
        }
    }

    private func tell(_ change: EngineEvent.LinkChange, _ event: LinkEvent) throws {
        switch change {
        case .flow:
            try handler.onLinkFlow(event)
            if isMessaging { try outgoing?.onLinkFlow(event) }
        case .initialized: try handler.onLinkInit(event)
        case .localOpen:
            try handler.onLinkLocalOpen(event)
            flow?.topUp(event.link)
            try endpoints?.onLinkLocalOpen(event)
        case .remoteOpen:
            try handler.onLinkRemoteOpen(event)
            flow?.topUp(event.link)
            try endpoints?.onLinkRemoteOpen(event)
        case .localClose: try handler.onLinkLocalClose(event)
        case .remoteClose:
            try handler.onLinkRemoteClose(event)
            try endpoints?.onLinkRemoteClose(event)
        case .localDetach: try handler.onLinkLocalDetach(event)
        case .remoteDetach:
            try handler.onLinkRemoteDetach(event)
            try endpoints?.onLinkRemoteDetach(event)
        case .failed: try endpoints?.onLinkFailed(event)
        case .final: try handler.onLinkFinal(event)
        }
    }

    private func tell(_ change: EngineEvent.SessionChange, _ event: SessionEvent) throws {
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

    private func tell(_ change: EngineEvent.ConnectionChange, _ event: ConnectionEvent) throws {
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
        case .failed: try endpoints?.onConnectionFailed(event)
        case .final: try handler.onConnectionFinal(event)
        }
    }

    private func tell(_ change: EngineEvent.TransportChange, _ connection: Connection) throws {
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
final class HandlerGroup: HandlerTree {
    private let pipelines: [HandlerPipeline]

    init(_ pipelines: [HandlerPipeline]) {
        self.pipelines = pipelines
    }

    func tell(_ event: EngineEvent) throws {
        for pipeline in pipelines { try pipeline.tell(event) }
    }

    func tell(_ delivery: Delivery) throws {
        for pipeline in pipelines { try pipeline.tell(delivery) }
    }

    func settle(_ delivery: Delivery) {
        for pipeline in pipelines { pipeline.settle(delivery) }
    }

    func topUp(_ link: Link) {
        for pipeline in pipelines { pipeline.topUp(link) }
    }

    func tellDrainEnd(_ event: ReceiverEvent) throws {
        for pipeline in pipelines { try pipeline.tellDrainEnd(event) }
    }

    func tellDrainStart(_ event: SenderEvent) throws {
        for pipeline in pipelines { try pipeline.tellDrainStart(event) }
    }
}

extension HandlerGroup: ApplicationEventHandler {
    func handle(_ event: ApplicationEvent) throws {
        for pipeline in pipelines { try pipeline.handle(event) }
    }
}
