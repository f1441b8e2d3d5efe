import AMQP
import ProtonEngine
import ProtonUtilities

/// The messages of a link of a `BlockingConnection`, which its calls wait for.
///
/// Everything is called with the link's lock held. What is handed a part of the engine is called in the connection's
/// domain, and so is `giveBack`.
protocol BlockingTraffic: SendableMetatype {
    /// The link is open, for the first time or after the connection was lost.
    mutating func opened(_ link: Link)
    /// The sender has credit.
    mutating func sendable(_ sender: Sender)
    /// The peer has given a message an outcome, or has settled it.
    mutating func decided(_ delivery: Delivery)
    /// A message has come.
    mutating func arrived(_ message: Message, _ delivery: Delivery)
    /// A message has come that is none, and was rejected.
    mutating func refused(_ error: ProtonError)
    /// The link is being closed: settles what is not settled.
    mutating func giveBack()
    /// The connection is lost, and its deliveries with it; it is being made again.
    mutating func interrupted(_ error: ProtonError)
    /// The link has ended, or is going to with its connection: nothing more will be heard of messages.
    mutating func ended(_ error: ProtonError)
    /// The program has closed the link: nobody wants what has come.
    mutating func discard()
}

extension BlockingTraffic {
    mutating func opened(_ link: Link) {}
    mutating func sendable(_ sender: Sender) {}
    mutating func decided(_ delivery: Delivery) {}
    mutating func arrived(_ message: Message, _ delivery: Delivery) {}
    mutating func refused(_ error: ProtonError) {}
    mutating func giveBack() {}
    mutating func discard() {}
}

/// The handler of a blocking sender's or receiver's link, and the state that its callers wait on.
final class BlockingLink<Traffic: BlockingTraffic>: MessagingHandler, BlockingPart {
    enum Phase {
        /// Not attached by the peer yet, or to be attached again.
        case opening
        case open
        /// The peer has attached no source or target: a refusal, whose reason follows in a detach (AMQP 1.0, 2.6.3).
        case refused
        /// Being closed by this side.
        case closing
        case ended(ProtonError)
    }

    struct State {
        var phase = Phase.opening
        var link: Link?
        /// The address of the node, as the peer says it is.
        var address: String?
        /// How often the connection was lost, as far as the link was told.
        var losses = 0
        var traffic: Traffic

        /// - Throws: why the link cannot be used any more.
        func check() throws(ProtonError) {
            switch phase {
            case .opening, .open, .refused: return
            case .closing: throw ProtonError(.closed, "The link was closed here.")
            case .ended(let error): throw error
            }
        }
    }

    let state: Monitor<State>
    let core: BlockingCore
    /// What the link is, for messages: `sender to examples`.
    let title: String
    /// The program's own handler of the link's events.
    let program: (any ProtonHandler & Sendable)?

    var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ core: BlockingCore, _ title: String, _ traffic: Traffic, _ program: (any ProtonHandler & Sendable)?) {
        (self.core, self.title, self.program) = (core, title, program)
        state = Monitor(State(traffic: traffic))
    }

    /// The handler of the link: this one, or the program's with this one behind it.
    var handler: any ProtonHandler { program.map { Accompanied($0, by: self) } ?? self }

    // MARK: For callers

    /// Makes the link, and waits until the peer has attached it.
    func open(
        until deadline: Deadline, _ make: @escaping @Sendable (Connection, BlockingLink) throws -> Link
    ) throws {
        let losses = try core.add(self)
        state.withLock { $0.losses = max($0.losses, losses) }
        do {
            try core.post { [self] connection in
                do {
                    let link = try make(connection, self)
                    state.withLock { $0.link = link }
                } catch {
                    let cause = error as? ProtonError
                    end(
                        ProtonError(
                            cause?.code ?? .closed, "\(title): \(error)", condition: cause?.condition,
                            underlyingError: error))
                }
            }
            _ = try waitUntilAttached(until: deadline)
        } catch {
            try? post { $0.close() }
            core.remove(self)
            throw error
        }
    }

    /// Waits until the peer has attached the link on the connection that there is now.
    /// - Returns: the node's address, and how often the connection was lost before.
    func waitUntilAttached(until deadline: Deadline) throws -> (address: String?, losses: Int) {
        let attached: (String?, Int)? = try state.wait(until: deadline) { [core] state throws(ProtonError) in
            try state.check()
            // The other links are told of a loss one after the other.
            if case .open = state.phase, state.losses == core.losses { return (state.address, state.losses) }
            return nil
        }
        if let attached { return attached }
        if case .refused = state.withLock(\.phase) {
            throw ProtonError(.linkError, "\(title): the peer attached nothing, and gave no reason in time.")
        }
        throw ProtonError(.timedOut, "\(title): the peer has not attached the link in time.")
    }

    /// Runs work with the link on the connection's thread.
    /// - Throws: what ended the connection.
    func post(_ work: @escaping @Sendable (Link) -> Void) throws {
        try core.post { [state] _ in
            if let link = state.withLock(\.link) { work(link) }
        }
    }

    /// Runs work with the link's messages on the connection's thread.
    /// - Throws: what ended the connection.
    func postToTraffic(_ work: @escaping @Sendable (inout Traffic, Link) -> Void) throws {
        try core.post { [state] _ in
            state.withLock { state in
                if let link = state.link { work(&state.traffic, link) }
            }
        }
    }

    /// Sends what waits, on the connection's thread, where the peer has attached the link and given credit.
    /// - Throws: what ended the connection.
    func postSendable() throws {
        try core.post { [weak self] _ in self?.sendWaiting() }
    }

    private func sendWaiting() {
        state.withLock { state in
            // Not to another node than the one that was asked for.
            guard case .open = state.phase, let sender = state.link as? Sender else { return }
            state.traffic.sendable(sender)
        }
    }

    /// Closes the link, and waits until the peer has done so.
    func close(until deadline: Deadline) throws {
        let isMine = state.withLock { state in
            switch state.phase {
            case .opening, .open, .refused:
                state.phase = .closing
                return true
            case .closing, .ended: return false
            }
        }
        if isMine {
            do {
                try postToTraffic { traffic, link in
                    traffic.giveBack()
                    link.close()
                }
            } catch {
                // The connection has ended, and the link with it.
                return end(ProtonError(.closed, "\(title): closed here."))
            }
        }
        let hasEnded: Void? = state.wait(until: deadline) { state in
            if case .ended = state.phase { () } else { nil }
        }
        if hasEnded == nil { throw ProtonError(.timedOut, "\(title): the peer has not closed the link in time.") }
    }

    // MARK: Ends

    func end(_ error: ProtonError) {
        state.withLock { state in
            switch state.phase {
            case .opening, .open, .refused:
                state.phase = .ended(error)
                state.traffic.ended(error)
            case .closing:
                let error = ProtonError(.closed, "\(title): closed here.")
                state.phase = .ended(error)
                state.traffic.ended(error)
                state.traffic.discard()
            case .ended: break
            }
        }
        core.remove(self)
    }

    /// Ends the link in a callback: what has no outcome gets one while the link is there.
    private func giveBackAndEnd(_ error: ProtonError) {
        state.withLock { $0.traffic.giveBack() }
        end(error)
    }

    func interrupt(_ error: ProtonError, losses: Int) {
        state.withLock { state in
            switch state.phase {
            case .open, .refused: state.phase = .opening
            case .opening, .closing, .ended: break
            }
            state.losses = losses
            state.traffic.interrupted(error)
        }
    }

    // MARK: Callbacks

    func onLinkOpened(_ event: LinkEvent) {
        let link = event.link
        let (asked, given) = link.isSender ? (link.target, link.remoteTarget) : (link.source, link.remoteSource)
        let isAnswered = given.kind != .unspecified && (given.address != nil || !asked.isDynamic)
        let isAsAsked = asked.address == nil || asked.address == given.address
        state.withLock { state in
            guard case .opening = state.phase else { return }
            guard isAnswered, isAsAsked else {
                state.phase = .refused
                return
            }
            state.phase = .open
            state.address = given.address
            state.traffic.opened(link)
        }
        // Of another node nothing more will be heard: messages must not go there.
        guard isAnswered, !isAsAsked else { return }
        let other = given.address.map { "\"\($0)\"" } ?? "a node without an address"
        end(ProtonError(.linkError, "\(title): the peer attached \(other) instead, and gave no reason."))
        link.close()
    }

    func onLinkError(_ event: LinkEvent) {
        giveBackAndEnd(event.error)
    }

    func onLinkDetached(_ event: LinkEvent) {
        giveBackAndEnd(event.error)
    }

    /// The library has closed the link itself where there is a condition: the peer has passed a limit.
    func onLinkLocalClose(_ event: LinkEvent) {
        if event.link.condition != nil { giveBackAndEnd(event.error) }
    }

    func onLinkClosed(_ event: LinkEvent) {
        end(ProtonError(.closed, "\(title): closed here."))
    }

    func onLinkFinal(_ event: LinkEvent) {
        end(ProtonError(.closed, "\(title): its session has ended."))
    }

    func onSendable(_ event: SenderEvent) { sendWaiting() }

    func onAccepted(_ event: DeliveryEvent) { decided(event) }
    func onRejected(_ event: DeliveryEvent) { decided(event) }
    func onReleased(_ event: DeliveryEvent) { decided(event) }
    func onSettled(_ event: DeliveryEvent) { decided(event) }

    private func decided(_ event: DeliveryEvent) {
        state.withLock { $0.traffic.decided(event.delivery) }
    }

    func onMessage(_ event: MessageEvent) {
        state.withLock { $0.traffic.arrived(event.message, event.delivery) }
    }

    func onInvalidMessage(_ event: InvalidMessageEvent) {
        event.delivery.reject(event.condition)
        let error = ProtonError(
            .protocolViolation, "\(title): a message that has come is not valid AMQP, and was rejected: \(event.error)",
            condition: event.condition, underlyingError: event.error)
        state.withLock { $0.traffic.refused(error) }
    }
}

/// A program's handler of a blocking link, followed by that of the calls that wait.
private final class Accompanied: ProtonHandler {
    let handlers: [any ProtonHandler]
    private let link: any MessagingHandler

    /// Messages are the program's: its handler takes them, or leaves them.
    init(_ program: any ProtonHandler, by link: some MessagingHandler) {
        self.link = link
        handlers = [
            program, EndpointStateHandler(treatsPeerCloseAsError: true, delegate: link),
            OutgoingMessageHandler(delegate: link),
        ]
    }

    func onLinkLocalClose(_ event: LinkEvent) throws { try link.onLinkLocalClose(event) }
    func onLinkFinal(_ event: LinkEvent) throws { try link.onLinkFinal(event) }
}
