import AMQP
import ProtonEngine

/// What of a `BlockingConnection` runs on the connection's thread: its container, and the handler of the connection.
final class BlockingCore: MessagingHandler, Sendable {
    private enum Phase {
        /// Not open yet, or lost and being made again.
        case opening(lastError: ProtonError?)
        case open
        /// Being closed by this side.
        case closing
        /// Over, for this reason.
        case over(ProtonError)
    }

    private struct State {
        var phase = Phase.opening(lastError: nil)
        var queue: WorkQueue?
        var links: [ObjectIdentifier: any BlockingPart] = [:]
        var url: AMQPURL
    }

    private let state: Monitor<State>

    init(_ url: AMQPURL) {
        state = Monitor(State(url: url))
    }

    /// Where the connection goes to.
    var url: AMQPURL { state.withLock(\.url) }

    var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false, treatsPeerCloseAsError: true) }

    // MARK: The thread

    /// Starts the thread, which runs until the connection is over.
    func start(_ urls: [AMQPURL], _ options: ConnectionOptions) throws {
        try options.validate()
        let thread = Thread.start { [self] in
            do {
                try run(urls, options)
                end(ProtonError(.closed, "The connection is over."))
            } catch {
                end(error as? ProtonError ?? ProtonError(.closed, "\(error)", underlyingError: error))
            }
        }
        guard let thread else {
            throw ProtonError(.limitExceeded, "No thread can be started for the connection: is their limit reached?")
        }
        thread.detach()
    }

    private func run(_ urls: [AMQPURL], _ options: ConnectionOptions) throws {
        let container = try Container(self, options: options)
        let connection = try container.connect(urls)
        let isWanted = state.withLock { state in
            state.queue = connection.workQueue
            if case .opening = state.phase { return true }
            return false
        }
        if !isWanted { container.stop() }
        try container.run()
    }

    /// The connection is over: whoever waits for something is told, once.
    private func end(_ error: ProtonError) {
        let (links, reason): ([any BlockingPart], ProtonError) = state.withLock { state in
            defer { state.links = [:] }
            switch state.phase {
            case .opening, .open: state.phase = .over(error)
            case .closing: state.phase = .over(ProtonError(.closed, "The connection was closed here."))
            case .over: break
            }
            guard case .over(let reason) = state.phase else { return ([], error) }
            return (Array(state.links.values), reason)
        }
        for link in links { link.end(reason) }
    }

    // MARK: For callers

    /// Waits for the first opening.
    func waitUntilOpen(until deadline: Deadline, _ peer: String) throws {
        let isOpen: Void? = try state.wait(until: deadline) { state throws(ProtonError) in
            switch state.phase {
            case .opening: nil
            case .open: ()
            case .closing: throw ProtonError(.closed, "The connection was closed here.")
            case .over(let error): throw error
            }
        }
        guard isOpen == nil else { return }
        let lastError: ProtonError? = state.withLock { state in
            if case .opening(let error) = state.phase { error } else { nil }
        }
        throw ProtonError(
            .timedOut, "\(peer) has not opened the connection in time.\(lastError.map { " \($0.message)" } ?? "")",
            condition: lastError?.condition, underlyingError: lastError)
    }

    /// Has something done on the connection's thread.
    /// - Throws: what ended the connection; `ProtonError.Code.closed`.
    func post(_ work: @escaping @Sendable (Connection) throws -> Void) throws {
        let queue = try state.withLock { state throws(ProtonError) in
            switch state.phase {
            case .opening, .open: return state.queue
            case .closing: throw ProtonError(.closed, "The connection is being closed.")
            case .over(let error): throw error
            }
        }
        if queue?.add(work) == true { return }
        // The connection is over; its thread is about to say why.
        let reason: ProtonError? = state.wait(until: Deadline(after: .seconds(1))) { state in
            if case .over(let error) = state.phase { error } else { nil }
        }
        throw reason ?? ProtonError(.closed, "The connection is over.")
    }

    /// Has a link told when the connection ends.
    func add(_ link: any BlockingPart) throws {
        try state.withLock { state throws(ProtonError) in
            if case .over(let error) = state.phase { throw error }
            state.links[ObjectIdentifier(link)] = link
        }
    }

    func remove(_ link: any BlockingPart) {
        state.withLock { _ = $0.links.removeValue(forKey: ObjectIdentifier(link)) }
    }

    /// Closes the connection without waiting for its end; the peer has a second to answer.
    func shutDown() {
        beginClosing(grace: .seconds(1))
    }

    private func beginClosing(grace: Duration) {
        let queue: WorkQueue? = state.withLock { state in
            switch state.phase {
            case .opening, .open:
                state.phase = .closing
                return state.queue
            case .closing, .over: return nil
            }
        }
        _ = queue?.add { $0.container.stop(grace: grace) }
    }

    /// Closes the connection, and waits until it is over.
    func close(timeout: Duration?) throws {
        let deadline = Deadline(after: timeout)
        // The container drops a connection whose peer does not answer, when this call has given it up.
        beginClosing(grace: min(timeout ?? .seconds(1_000_000_000), .seconds(1_000_000_000)) + .seconds(1))
        let links = state.withLock { Array($0.links.values) }
        for link in links { link.end(ProtonError(.closed, "The connection was closed here.")) }
        let isOver: Void? = state.wait(until: deadline) { state in
            if case .over = state.phase { () } else { nil }
        }
        if isOver == nil { throw ProtonError(.timedOut, "The peer has not closed the connection in time.") }
    }

    // MARK: Callbacks

    func onConnectionOpened(_ event: ConnectionEvent) {
        let url = event.connection.context?.reconnection?.url
        state.withLock { state in
            if let url { state.url = url }
            if case .opening = state.phase { state.phase = .open }
        }
    }

    func onConnectionError(_ event: ConnectionEvent) {
        end(event.connection.closeError(.connectionError, "closed the connection", of: event.connection))
    }

    func onSessionError(_ event: SessionEvent) {
        end(event.connection.closeError(.sessionError, "ended a session", of: event.session))
        event.connection.close()
    }

    func onTransportError(_ event: TransportEvent) throws {
        guard let error = event.error else { return }
        state.withLock { state in
            if case .opening = state.phase { state.phase = .opening(lastError: error) }
        }
        // Comes out of `run` where the connection is not made again.
        try event.connection.failUnhandledLoss(error)
    }

    func onDisconnected(_ event: TransportEvent) {
        let error = event.error ?? ProtonError(.disconnected, "The connection was lost.")
        let links: [any BlockingPart] = state.withLock { state in
            guard case .open = state.phase else { return [] }
            state.phase = .opening(lastError: error)
            return Array(state.links.values)
        }
        for link in links { link.interrupt(error) }
    }
}

/// What is told of the end of its connection.
protocol BlockingPart: AnyObject, Sendable {
    /// The connection is over.
    func end(_ error: ProtonError)
    /// The connection is lost, and is being made again.
    func interrupt(_ error: ProtonError)
}
