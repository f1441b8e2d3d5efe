import AMQP
import ProtonEngine

/// What goes over a link of a `BlockingConnection`: what its calls wait for.
///
/// Everything is called with the link's lock held, in the connection's domain where it is handed a part of the engine.
protocol BlockingTraffic: SendableMetatype {
    /// The link is open, for the first time or after the connection was lost.
    mutating func opened(_ link: Link)
    /// The sender has credit.
    mutating func sendable(_ sender: Sender)
    /// The peer has said what became of a message.
    mutating func decided(_ delivery: Delivery)
    /// A message has come.
    mutating func arrived(_ message: Message, _ delivery: Delivery)
    /// The connection is lost, and is being made again.
    mutating func interrupted(_ error: ProtonError)
}

extension BlockingTraffic {
    mutating func opened(_ link: Link) {}
    mutating func sendable(_ sender: Sender) {}
    mutating func decided(_ delivery: Delivery) {}
    mutating func arrived(_ message: Message, _ delivery: Delivery) {}
}

/// The handler of a blocking sender's or receiver's link, and what its callers wait on.
final class BlockingLink<Traffic: BlockingTraffic>: MessagingHandler, BlockingPart {
    enum Phase {
        /// Not attached by the peer yet, or to be attached again.
        case opening
        case open
        /// The peer has attached something else than was asked for: mostly a refusal, whose reason is to follow.
        case refused(ProtonError)
        case closing
        case over(ProtonError)
    }

    struct State {
        var phase = Phase.opening
        var link: Link?
        /// The address of the node, as the peer says it is.
        var address: String?
        var traffic: Traffic

        /// - Throws: why the link cannot be used any more.
        func check() throws(ProtonError) {
            switch phase {
            case .opening, .open: return
            case .refused(let error), .over(let error): throw error
            case .closing: throw ProtonError(.closed, "The link was closed here.")
            }
        }
    }

    let state: Monitor<State>
    let core: BlockingCore
    /// What the link is, for messages: `sender to examples`.
    let title: String
    /// What the program wants to be told of the link's events.
    let program: (any Handler & Sendable)?

    var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ core: BlockingCore, _ title: String, _ traffic: Traffic, _ program: (any Handler & Sendable)?) {
        (self.core, self.title, self.program) = (core, title, program)
        state = Monitor(State(traffic: traffic))
    }

    /// The handler of the link: this one, or the program's with this one behind it.
    var handler: any Handler { program.map { Accompanied($0, by: self) } ?? self }

    // MARK: For callers

    /// Makes the link, and waits until the peer has attached it.
    func open(
        timeout: Duration?, _ make: @escaping @Sendable (Connection, BlockingLink) throws -> Link
    ) throws {
        try core.add(self)
        do {
            try core.post { [self] connection in
                do {
                    let link = try make(connection, self)
                    state.withLock { $0.link = link }
                } catch {
                    end(ProtonError(.closed, "\(title): \(error)", underlyingError: error))
                }
            }
            let deadline = Deadline(after: timeout)
            if try waitUntilAttached(until: deadline) { return }
            // A refusal is followed by a detach that tells the reason: wait a little for it.
            let reason: ProtonError? = state.wait(until: deadline.or(after: .seconds(1))) { state in
                if case .over(let error) = state.phase { error } else { nil }
            }
            if let reason { throw reason }
            try state.withLock { state throws(ProtonError) in try state.check() }
        } catch {
            try? post { $0.close() }
            core.remove(self)
            throw error
        }
    }

    /// - Returns: whether the peer has attached what was asked for.
    private func waitUntilAttached(until deadline: Deadline) throws -> Bool {
        let isOpen: Bool? = try state.wait(until: deadline) { state throws(ProtonError) in
            switch state.phase {
            case .opening: return nil
            case .open: return true
            case .refused: return false
            case .closing, .over:
                try state.check()
                return nil
            }
        }
        guard let isOpen else { throw ProtonError(.timedOut, "\(title): the peer has not attached the link in time.") }
        return isOpen
    }

    /// Has something done with the link on the connection's thread.
    /// - Throws: what ended the link or the connection.
    func post(_ work: @escaping @Sendable (Link) -> Void) throws {
        try core.post { [state] _ in
            if let link = state.withLock(\.link) { work(link) }
        }
    }

    /// Has something done with the link's traffic on the connection's thread.
    func postToTraffic(_ work: @escaping @Sendable (inout Traffic, Link) -> Void) throws {
        try core.post { [state] _ in
            state.withLock { state in
                if let link = state.link { work(&state.traffic, link) }
            }
        }
    }

    /// Closes the link, and waits until the peer has done so.
    func close(timeout: Duration?) throws {
        let isMine = state.withLock { state in
            switch state.phase {
            case .opening, .open, .refused:
                state.phase = .closing
                return true
            case .closing, .over: return false
            }
        }
        if isMine {
            do {
                try post { $0.close() }
            } catch {
                // The connection is over, and the link with it.
                return end(ProtonError(.closed, "\(title): closed here."))
            }
        }
        let isOver: Void? = state.wait(until: Deadline(after: timeout)) { state in
            if case .over = state.phase { () } else { nil }
        }
        if isOver == nil { throw ProtonError(.timedOut, "\(title): the peer has not closed the link in time.") }
    }

    // MARK: Ends

    func end(_ error: ProtonError) {
        state.withLock { state in
            switch state.phase {
            case .opening, .open, .refused: state.phase = .over(error)
            case .closing: state.phase = .over(ProtonError(.closed, "\(title): closed here."))
            case .over: break
            }
        }
        core.remove(self)
    }

    func interrupt(_ error: ProtonError) {
        state.withLock { state in
            if case .open = state.phase { state.phase = .opening }
            state.traffic.interrupted(error)
        }
    }

    // MARK: Callbacks

    func onLinkOpened(_ event: LinkEvent) {
        let link = event.link
        let (asked, given) = link.isSender ? (link.target, link.remoteTarget) : (link.source, link.remoteSource)
        let isAsExpected =
            given.kind != .unspecified && (asked.isDynamic ? given.address != nil : true)
            && (asked.address == nil || asked.address == given.address)
        state.withLock { state in
            guard case .opening = state.phase else { return }
            guard isAsExpected else {
                let other = given.address.map { "\"\($0)\" instead" } ?? "nothing"
                state.phase = .refused(
                    ProtonError(.linkError, "\(title): the peer attached \(other), and gave no reason."))
                return
            }
            state.phase = .open
            state.address = given.address
            state.traffic.opened(link)
        }
    }

    func onLinkError(_ event: LinkEvent) {
        end(event.connection.closeError(.linkError, "closed the \(title)", of: event.link))
    }

    func onLinkClosed(_ event: LinkEvent) {
        end(ProtonError(.closed, "\(title): closed here."))
    }

    func onLinkDetached(_ event: LinkEvent) {
        end(event.connection.closeError(.linkError, "detached the \(title)", of: event.link))
    }

    func onSendable(_ event: SenderEvent) {
        state.withLock { $0.traffic.sendable(event.sender) }
    }

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
}

/// A handler of the program's for a blocking link, which is told of what it waits for after that.
private final class Accompanied: Handler {
    let handlers: [any Handler]

    /// Messages are the program's: its handler takes them, or leaves them.
    init(_ program: any Handler, by link: some MessagingHandler) {
        handlers = [
            program, EndpointStateHandler(treatsPeerCloseAsError: true, delegate: link),
            OutgoingMessageHandler(delegate: link),
        ]
    }
}
