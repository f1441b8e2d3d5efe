// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the library does for a handler besides the callbacks that the handler has itself.
///
/// A `MessagingHandler` has all of it, by its options. Python makes the same four handlers the first children of one.
public struct HandlerAdapters {
    /// The handler whose callbacks are derived from the engine's events.
    let messaging: (any MessagingHandler)?
    // These derive them.
    let endpoints: EndpointStateHandler?
    let incoming: IncomingMessageHandler?
    let outgoing: OutgoingMessageHandler?

    // What is done when all handlers have been told of an event.
    /// Gives credit.
    let flow: FlowController?
    /// Settles what the peer has settled.
    let settlement: OutgoingMessageHandler?
    /// Whether a drain is answered; nil leaves that to the other handlers.
    let answersDrains: Bool?

    /// For a handler of the engine's events: nothing.
    init() {
        (messaging, endpoints, incoming, outgoing) = (nil, nil, nil, nil)
        (flow, settlement, answersDrains) = (nil, nil, nil)
    }

    /// For a handler of messages: what its options say.
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

    /// For a handler that is one of the library's own: it has its callbacks, and its part when all have been told.
    init(flow: FlowController? = nil, settlement: OutgoingMessageHandler? = nil) {
        (messaging, endpoints, incoming, outgoing) = (nil, nil, nil, nil)
        (self.flow, self.settlement) = (flow, settlement)
        answersDrains = settlement == nil ? nil : true
    }
}
