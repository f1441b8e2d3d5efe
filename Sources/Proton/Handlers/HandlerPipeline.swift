// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// Hands events to handlers: to each in turn, and after each to those below it, depth-first.
///
/// What the library does by itself about an event comes last, when all of them have been told: one that settled a
/// message, gave credit or answered a drain before would leave the next one with something else than what happened.
final class HandlerPipeline: EventHandler {
    // The handlers, in the order in which they are told. Mostly there is one: no array is walked for it, and no reference
    // to it counted.
    private let first: HandlerStage
    private let others: [HandlerStage]
    /// Those of the others to whom a message is anything.
    private let othersForMessages: [HandlerStage]

    /// - Parameter handlers: each is told in turn, as the children of one that does nothing itself.
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

    /// A pipeline of one handler and those below it.
    convenience init(_ handler: any ProtonHandler) {
        self.init([handler])
    }

    /// The first handler: that which an endpoint was given.
    var handler: (any ProtonHandler)? { first.handler is Nobody ? nil : first.handler }

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
            // A message counts against the credit until it is taken: before, a window of one would stay shut.
            try giveCredit(on: delivery.link)
        }
    }

    /// Tells the handlers of an event of the program's own.
    func handle(_ event: ApplicationEvent) throws {
        try forEachStage { stage in try stage.handler.onApplicationEvent(event) }
    }

    /// Tells the handlers that the loop starts.
    func start(_ event: ContainerEvent) throws {
        try forEachStage { stage in
            try stage.handler.onReactorInit(event)
            try stage.adapters.messaging?.onStart(event)
        }
    }

    /// Tells the handlers that the loop has ended.
    func end(_ event: ContainerEvent) throws {
        try forEachStage { stage in try stage.handler.onReactorFinal(event) }
    }

    // MARK: What the library does when all have been told

    private func giveCredit(on link: Link) throws {
        // A drain leaves no credit, and so comes by here when it ends.
        if link.credit == 0, let receiver = link as? Receiver, receiver.takeDrainEnd() {
            let event = ReceiverEvent(receiver: receiver)
            try forEachStageOfMessages { stage in try stage.adapters.flow?.tellDrainEnd(event) }
        }
        try forEachStageOfMessages { stage in try stage.adapters.flow?.topUp(link) }
    }

    /// Has the handlers told of a drain, after what can be sent has been.
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
    /// A pipeline of handlers whose options make sense.
    /// - Throws: `ProtonError.Code.invalidArgument` for options that do not.
    convenience init(checking handlers: [any ProtonHandler]) throws(ProtonError) {
        self.init(handlers)
        try forEachStage { stage throws(ProtonError) in try stage.adapters.flow?.validate() }
    }
}
