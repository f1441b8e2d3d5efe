import ProtonEngine

/// One or several handlers, with those below them, that are told of an event together.
///
/// What the library does by itself about it comes last, when all of them have been told: one that settled a message,
/// gave credit or answered a drain before its turn would leave the next one with something else than what happened.
protocol HandlerTree: EventHandler {
    /// Hands an event to each handler.
    func tell(_ event: EngineEvent) throws
    /// Hands an event of a delivery to each handler.
    func tell(_ delivery: Delivery) throws

    /// Settles what the peer has settled, for handlers that leave that to the library.
    func settle(_ delivery: Delivery)
    /// Gives credit, for handlers that leave that to the library.
    func topUp(_ link: Link)
    /// Tells each handler that a drain is over.
    func tellDrainEnd(_ event: ReceiverEvent) throws
    /// Tells each handler that a drain begins.
    func tellDrainStart(_ event: SenderEvent) throws
}

extension HandlerTree {
    func handle(_ event: EngineEvent) throws {
        try tell(event)
        guard case .link(.flow, let link) = event else { return }
        if link.isSender { try answerDrain(of: link) } else { try giveCredit(on: link) }
    }

    func handle(_ delivery: Delivery) throws {
        try tell(delivery)
        // A message counts against the credit until it is taken: before, a window of one would stay shut.
        if delivery.link.isSender { settle(delivery) } else { try giveCredit(on: delivery.link) }
    }

    private func giveCredit(on link: Link) throws {
        // A drain leaves no credit, and so comes by here when it ends.
        if link.credit == 0, let receiver = link as? Receiver, receiver.takeDrainEnd() {
            try tellDrainEnd(ReceiverEvent(receiver: receiver))
        }
        topUp(link)
    }

    /// Has the handlers told of a drain, after what can be sent has been.
    private func answerDrain(of link: Link) throws {
        guard let sender = link as? Sender, sender.isDraining, sender.isSendable, sender.takeDrainStart() else {
            return
        }
        let answer = DrainAnswer()
        try tellDrainStart(SenderEvent(sender: sender, drainAnswer: answer))
        if answer.isLeftToTheLibrary { sender.drained() }
    }
}

/// Whether the handlers of a sender leave the answer to a drain to the library: all those that are told of it do.
final class DrainAnswer {
    var told = 0
    var defaults = 0

    var isLeftToTheLibrary: Bool { told > 0 && told == defaults }
}
