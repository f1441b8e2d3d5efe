// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The handlers that the library adds to a handler.
///
/// A `MessagingHandler` has all of them, according to its options. Python makes the same four handlers its first children.
public struct HandlerAdapters {
    /// The handler whose callbacks are derived from the engine's events.
    let messaging: (any MessagingHandler)?
    // These make the callbacks.
    let endpoints: EndpointStateHandler?
    let incoming: IncomingMessageHandler?
    let outgoing: OutgoingMessageHandler?

    // These run after all handlers have received an event.
    /// Gives credit.
    let flow: FlowController?
    /// Settles what the peer has settled.
    let settlement: OutgoingMessageHandler?
    /// Whether a drain is answered; nil leaves that to the other handlers.
    let answersDrains: Bool?

    /// Creates the adapters of a handler of the engine's events: none.
    init() {
        (messaging, endpoints, incoming, outgoing) = (nil, nil, nil, nil)
        (flow, settlement, answersDrains) = (nil, nil, nil)
    }

    /// Creates the adapters of a `MessagingHandler`, from its options.
    init(_ handler: any MessagingHandler) {
        let options = handler.options
        messaging = handler
        endpoints = EndpointStateHandler(
            treatsPeerCloseAsError: options.treatsPeerCloseAsError, opensLinks: options.opensLinks, delegate: handler)
        incoming = IncomingMessageHandler(autoAccepts: options.autoAccepts, delegate: handler)
        outgoing = OutgoingMessageHandler(autoSettles: options.autoSettles, delegate: handler)
        flow = FlowController(options.prefetch, delegate: handler)
        settlement = outgoing
        answersDrains = options.answersDrains
    }

    /// Creates the adapters of one of the library's own handlers, which makes callbacks itself: those that run last.
    init(flow: FlowController? = nil, settlement: OutgoingMessageHandler? = nil) {
        (messaging, endpoints, incoming, outgoing) = (nil, nil, nil, nil)
        (self.flow, self.settlement) = (flow, settlement)
        answersDrains = settlement == nil ? nil : true
    }
}
