import AMQP
import Glibc
import Logging
import ProtonEngine
import ProtonUtilities
import Synchronization

/// The part of a `BlockingConnection` that runs on the connection's thread: its container, and the connection's handler.
final class BlockingCore: MessagingHandler, Sendable {
    private enum Phase {
        /// Not open yet, or lost and being made again.
        case opening(lastError: ProtonError?)
        case open
        /// Being closed by this side.
        case closing
        case ended(ProtonError)
    }

    private struct State {
        var phase = Phase.opening(lastError: nil)
        var queue: WorkQueue?
        var links: [ObjectIdentifier: any BlockingPart] = [:]
        /// How often the connection was lost.
        var losses = 0
        var url: AMQPURL
    }

    private let state: Monitor<State>
    /// The connection's thread; 0 while there is none.
    private let thread = Atomic<UInt>(0)

    init(_ url: AMQPURL) {
        state = Monitor(State(url: url))
    }

    /// Where the connection goes to.
    var url: AMQPURL { state.withLock(\.url) }

    var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false, treatsPeerCloseAsError: true) }

    // MARK: The thread

    /// Starts the thread, which runs until the connection has ended.
    func start(_ urls: [AMQPURL], _ options: ConnectionOptions, _ logger: Logger) throws {
        try options.validate()
        let started = Thread.start { [self] in
            thread.store(UInt(pthread_self()), ordering: .relaxed)
            // Another thread may get the number of one that has ended.
            defer { thread.store(0, ordering: .relaxed) }
            do {
                try run(urls, options, logger)
                end(ProtonError(.closed, "The connection has ended."))
            } catch {
                end(error as? ProtonError ?? ProtonError(.closed, "\(error)", underlyingError: error))
            }
        }
        guard let started else {
            throw ProtonError(.limitExceeded, "No thread can be started for the connection: is their limit reached?")
        }
        started.detach()
    }

    private func run(_ urls: [AMQPURL], _ options: ConnectionOptions, _ logger: Logger) throws {
        let container = try Container(self, options: options, logger: logger)
        let connection = try container.connect(urls)
        let isWanted = state.withLock { state in
            state.queue = connection.workQueue
            if case .opening = state.phase { return true }
            return false
        }
        if !isWanted { container.stop() }
        try container.run()
    }

    /// The connection has ended: ends what waits for something, once.
    private func end(_ error: ProtonError) {
        let (links, reason): ([any BlockingPart], ProtonError) = state.withLock { state in
            defer { state.links = [:] }
            switch state.phase {
            case .opening, .open: state.phase = .ended(error)
            case .closing: state.phase = .ended(ProtonError(.closed, "The connection was closed here."))
            case .ended: break
            }
            guard case .ended(let reason) = state.phase else { return ([], error) }
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
            case .ended(let error): throw error
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

    /// Begins a call that waits.
    /// - Parameter call: the call's name, for errors.
    /// - Returns: when the call has to end.
    /// - Throws: `ProtonError.Code.invalidArgument` for a time-out that makes no sense, and on the connection's own thread:
    ///   while that waits, nothing can come.
    func begin(_ call: String, timeout: Duration?, allowsZero: Bool = false) throws(ProtonError) -> Deadline {
        guard thread.load(ordering: .relaxed) != UInt(pthread_self()) else {
            throw ProtonError(
                .invalidArgument,
                "\(call) was called in a callback of its own connection, which would wait for itself: "
                    + "call it on another thread.")
        }
        return try Deadline(of: call, after: timeout, allowsZero: allowsZero)
    }

    /// Runs work on the connection's thread.
    /// - Throws: what ended the connection; `ProtonError.Code.closed`.
    func post(_ work: @escaping @Sendable (Connection) throws -> Void) throws {
        let queue = try state.withLock { state throws(ProtonError) in
            switch state.phase {
            case .opening, .open: return state.queue
            case .closing: throw ProtonError(.closed, "The connection is being closed.")
            case .ended(let error): throw error
            }
        }
        if queue?.add(work) == true { return }
        // The connection has ended; its thread is about to say why.
        let reason: ProtonError? = state.wait(until: Deadline(after: .seconds(1))) { state in
            if case .ended(let error) = state.phase { error } else { nil }
        }
        throw reason ?? ProtonError(.closed, "The connection has ended.")
    }

    /// How often the connection was lost.
    var losses: Int { state.withLock(\.losses) }

    /// Adds a link, which is told when the connection is lost or ends.
    /// - Returns: how often the connection was lost before.
    func add(_ link: any BlockingPart) throws -> Int {
        try state.withLock { state throws(ProtonError) in
            if case .ended(let error) = state.phase { throw error }
            state.links[ObjectIdentifier(link)] = link
            return state.losses
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
            case .closing, .ended: return nil
            }
        }
        _ = queue?.add { $0.container.stop(grace: grace) }
    }

    /// Closes the connection, and waits until it has ended.
    func close(timeout: Duration?) throws {
        let deadline = try begin("close", timeout: timeout)
        // The container drops a connection whose peer does not answer, when this call has given it up.
        beginClosing(grace: min(timeout ?? .seconds(1_000_000_000), .seconds(1_000_000_000)) + .seconds(1))
        let links = state.withLock { Array($0.links.values) }
        for link in links { link.end(ProtonError(.closed, "The connection was closed here.")) }
        let hasEnded: Void? = state.wait(until: deadline) { state in
            if case .ended = state.phase { () } else { nil }
        }
        if hasEnded == nil { throw ProtonError(.timedOut, "The peer has not closed the connection in time.") }
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
        end(event.error)
    }

    func onSessionError(_ event: SessionEvent) {
        end(event.error)
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
        let (links, losses): ([any BlockingPart], Int) = state.withLock { state in
            guard case .open = state.phase else { return ([], state.losses) }
            state.phase = .opening(lastError: error)
            state.losses += 1
            return (Array(state.links.values), state.losses)
        }
        for link in links { link.interrupt(error, losses: losses) }
    }
}

/// A link that is told of the end of its connection.
protocol BlockingPart: AnyObject, Sendable {
    /// The connection has ended.
    func end(_ error: ProtonError)
    /// The connection is lost, and is being made again.
    /// - Parameter losses: how often it was lost so far.
    func interrupt(_ error: ProtonError, losses: Int)
}
