// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// Dispatches events to handlers: to each in order, and after each to its own `handlers`, depth-first.
///
/// The library's own actions come last, when all handlers have received the event: if one of them settled a message, gave credit
/// or answered a drain earlier, the next handler would see a different state.
final class HandlerPipeline: EventHandler {
    // The handlers, in order. Mostly there is one: this avoids to iterate over an array and to count its references.
    private let first: HandlerStage
    private let others: [HandlerStage]
    /// The other handlers that handle messages.
    private let othersForMessages: [HandlerStage]

    /// - Parameter handlers: each receives every event, in order, like the children of a handler without callbacks.
    init(_ handlers: [any ProtonHandler]) {
        let stages = handlers.flatMap(HandlerStage.stages)
        first = stages.first ?? .nobody
        others = Array(stages.dropFirst())
        othersForMessages = others.filter { !($0.handler is EndpointStateHandler) }
    }

    @inline(__always)
    private func forEachStage<Failure: Error>(_ body: (HandlerStage) throws(Failure) -> Void) throws(Failure) {
        try body(first)
        for index in others.indices { try body(others[index]) }
    }

    @inline(__always)
    private func forEachStageOfMessages<Failure: Error>(
        _ body: (HandlerStage) throws(Failure) -> Void
    ) throws(Failure) {
        try body(first)
        for index in othersForMessages.indices { try body(othersForMessages[index]) }
    }

    /// Creates a pipeline of one handler and its own `handlers`.
    convenience init(_ handler: any ProtonHandler) {
        self.init([handler])
    }

    /// The first handler: the one that the endpoint was given.
    var handler: (any ProtonHandler)? { first.handler is EmptyHandler ? nil : first.handler }

    // MARK: Events

    func handle(_ event: EngineEvent) throws {
        try forEachStage { stage in try stage.tell(event) }
        guard case .link(.flow, let link) = event else { return }
        if link.isSender { try answerDrain(of: link) } else { try giveCredit(on: link) }
    }

    func handle(_ delivery: Delivery) throws {
        let event = DeliveryEvent(delivery: delivery)
        try forEachStageOfMessages { stage in try stage.tell(event) }
        if delivery.link.isSender {
            forEachStageOfMessages { stage in stage.adapters.settlement?.settle(delivery) }
        } else {
            // A message uses credit until it is taken: before that, a window of one would stay closed.
            try giveCredit(on: delivery.link)
        }
    }

    /// Dispatches an event of the program.
    func handle(_ event: ApplicationEvent) throws {
        try forEachStage { stage in try stage.handler.onApplicationEvent(event) }
    }

    /// Calls the handlers when the loop starts.
    func start(_ event: ContainerEvent) throws {
        try forEachStage { stage in
            try stage.handler.onReactorInit(event)
            try stage.adapters.messaging?.onStart(event)
        }
    }

    /// Calls the handlers when the loop has ended.
    func end(_ event: ContainerEvent) throws {
        try forEachStage { stage in try stage.handler.onReactorFinal(event) }
    }

    // MARK: Actions of the library after the handlers

    private func giveCredit(on link: Link) throws {
        // A drain leaves no credit, so this is reached when it ends.
        if link.credit == 0, let receiver = link as? Receiver, receiver.takeDrainEnd() {
            let event = ReceiverEvent(receiver: receiver)
            try forEachStageOfMessages { stage in try stage.adapters.flow?.tellDrainEnd(event) }
        }
        try forEachStageOfMessages { stage in try stage.adapters.flow?.topUp(link) }
    }

    /// Calls the handlers for a drain, after the messages that can be sent have been sent.
    private func answerDrain(of link: Link) throws {
        guard let sender = link as? Sender, sender.isDraining, sender.isSendable, sender.takeDrainStart() else {
            return
        }
        let event = SenderEvent(sender: sender)
        try forEachStage { stage in try stage.adapters.settlement?.tellDrainStart(event) }
        var answers: [Bool] = []
        forEachStage { stage in if let answer = stage.adapters.answersDrains { answers.append(answer) } }
        if !answers.isEmpty, !answers.contains(false) { sender.drained() }
    }
}

extension HandlerPipeline {
    /// Creates a pipeline of handlers, and checks their options.
    /// - Throws: `ProtonError.Code.invalidArgument` for invalid options.
    convenience init(checking handlers: [any ProtonHandler]) throws(ProtonError) {
        self.init(handlers)
        try forEachStage { stage throws(ProtonError) in try stage.adapters.flow?.validate() }
    }
}
