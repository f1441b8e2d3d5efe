// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonEngine
import ProtonUtilities

/// The state of an `AMQPConnection` or a `BlockingConnection`: how far it is open, its links, and its waiters. Its loop calls it
/// with events.
final class ClientConnection: MessagingHandler, Sendable {
    enum Phase {
        /// Not open yet, or lost and being made again.
        case opening(lastError: ProtonError?)
        case open
        /// Being closed by this side.
        case closing
        case ended(ProtonError)
    }

    /// Which side made the connection.
    enum Role {
        /// This side. A peer that closes the connection or a link causes an error.
        case client(takesLinks: Bool)
        /// The peer, which may close the connection at any time.
        case server

        var isClient: Bool { if case .client = self { true } else { false } }
    }

    struct State {
        var phase = Phase.opening(lastError: nil)
        var queue: WorkQueue?
        var links: [ObjectIdentifier: ClientLink] = [:]
        var url: AMQPURL
        var peer: AMQPPeer?
        /// Whether the program has received the connection: before that, an error that ends it is thrown.
        var wasOpen = false
        /// Whether the receivers are finished.
        var finishesReceiving = false
        var openWaiters: [Waiter<ProtonError?>] = []
        var endWaiters: [Waiter<Void>] = []
        var streams: [UInt64: AsyncStream<AMQPConnectionEvent>.Continuation] = [:]
        var lastID: UInt64 = 0
    }

    let state: UncheckedMutex<State>
    let role: Role
    /// The links that the peer attaches, for the program to accept or refuse; nil if they are refused.
    let linkRequests: RequestQueue<IncomingLink>?
    /// What is logged besides losses that are recovered.
    enum Logged {
        /// The end, since possibly no call waits that would throw it.
        case end
        /// The first failed attempt of an outage: calls wait until the connection is made again; each of them throws the end.
        case firstTry
    }

    let instrumentation: Instrumentation
    private let logger: Logger
    private let logged: Logged
    let container: ContainerHandle
    private let sessions = ClientSessions()
    /// The time that a peer has to answer the close of a link or of the connection.
    let closeTimeout: Duration
    /// How many events an `events` sequence buffers.
    private static let keptEvents = 64
    /// How many links of the peer may wait for a decision.
    private static let maxLinkRequests = 1_000

    var options: HandlerOptions {
        HandlerOptions(
            prefetch: 0, autoAccepts: false, opensLinks: false, treatsPeerCloseAsError: role.isClient)
    }

    init(
        _ url: AMQPURL, _ container: ContainerHandle, closeTimeout: Duration, _ logger: Logger, logged: Logged = .end,
        role: Role = .client(takesLinks: false), instruments: [any AMQPInstrument] = []
    ) {
        state = UncheckedMutex(State(url: url))
        linkRequests =
            if case .client(false) = role { nil } else { RequestQueue(bound: ClientConnection.maxLinkRequests) }
        instrumentation = Instrumentation(instruments, isIncoming: !role.isClient)
        (self.container, self.closeTimeout, self.logger) = (container, closeTimeout, logger)
        (self.role, self.logged) = (role, logged)
    }

    /// The URL of the connection: of several URLs the one that was connected to last; for an accepted connection the peer's
    /// address.
    var url: AMQPURL { state.withLock { $0.url } }

    /// The peer that opened the connection last; nil before that.
    var peer: AMQPPeer? { state.withLock { $0.peer } }

    // MARK: For the program

    /// Makes the connection, on the loop's thread.
    func start(_ urls: [AMQPURL], _ options: ConnectionOptions) throws {
        try container.execute { [self] container in
            do {
                let connection = try container.connect(urls, handler: self, options: options)
                let isWanted = state.withLock { state in
                    state.queue = connection.workQueue
                    if case .opening = state.phase { return true }
                    return false
                }
                if !isWanted { connection.close() }
            } catch {
                end(error as? ProtonError ?? ProtonError(.connectFailed, "\(error)", underlyingError: error))
            }
        }
    }

    /// Becomes the handler of a connection that a peer made, before it is opened; called in its domain.
    func take(_ connection: Connection) {
        connection.handler = self
        let isWanted = state.withLock { state in
            state.queue = connection.workQueue
            if case .opening = state.phase { return true }
            return false
        }
        if !isWanted { drop() }
    }

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Runs work in the connection's domain.
    /// - Returns: whether it will run; false if the connection has ended.
    func post(_ work: @escaping @Sendable (Connection) -> Void) -> Bool {
        let queue: WorkQueue? = state.withLock { state in
            if case .ended = state.phase { nil } else { state.queue }
        }
        return queue?.addStep(work) ?? false
    }

    /// The error that ended the connection.
    var endError: ProtonError { end ?? ClientConnection.closedHere }

    /// The error that ended or last interrupted the connection; nil while it is open.
    var loss: ProtonError? {
        state.withLock { state in
            switch state.phase {
            case .opening(let error): error
            case .ended(let error): error
            case .open, .closing: nil
            }
        }
    }

    /// The error that ended the connection; nil if it has not ended.
    var end: ProtonError? {
        state.withLock { state in
            if case .ended(let error) = state.phase { error } else { nil }
        }
    }

    /// Runs a body if a peer has not answered a close in time.
    /// - Returns: nil if the container has ended, and with it all waits.
    func afterCloseTimeout(_ body: @escaping @Sendable () -> Void) -> TimerTask? {
        try? container.schedule(after: closeTimeout) { _ in body() }
    }

    /// The connection's own executor, for tasks that prefer it.
    var queue: WorkQueue? { state.withLock { $0.queue } }

    /// The session for a new link; called in the connection's domain.
    /// - Throws: as `Connection.session`.
    func session(on connection: Connection) throws -> Session { try sessions.next(on: connection, self) }

    func add(_ link: ClientLink) {
        let finishes = state.withLock { state in
            state.links[ObjectIdentifier(link)] = link
            return state.finishesReceiving
        }
        if finishes { link.finish() }
    }

    /// Finishes the receivers of the connection, and those that are created later.
    func finishReceiving() {
        let links = state.withLock { state in
            state.finishesReceiving = true
            return Array(state.links.values)
        }
        for link in links { link.finish() }
    }

    /// Ends the links of a session that has ended; in the connection's domain.
    func endLinks(on session: Session, _ error: ProtonError) {
        let links = state.withLock { Array($0.links.values) }
        for link in links where link.isOn(session) { link.sessionEnded(error) }
    }

    func remove(_ link: ClientLink) {
        state.withLock { _ = $0.links.removeValue(forKey: ObjectIdentifier(link)) }
        if sessions.areEnded { _ = post { [sessions] connection in sessions.endUnused(on: connection) } }
    }

    /// Closes the connection and its links, and does not wait for the end.
    func beginClosing() {
        let isFirst = state.withLock { state in
            switch state.phase {
            case .opening, .open:
                state.phase = .closing
                return true
            case .closing, .ended: return false
            }
        }
        guard isFirst else { return }
        let links = state.withLock { Array($0.links.values) }
        for link in links { link.beginClosing(withConnection: true) }
        drop()
    }

    func drop() {
        let queue = state.withLock { $0.queue }
        let isPosted = queue?.add { connection in connection.close() } ?? false
        if !isPosted { end(ClientConnection.closedHere) }
    }

    static let closedHere = ProtonError(.closed, "The connection was closed here.")
    private static let closedByPeer = ProtonError(.closed, "The peer has closed the connection.")

    /// Logs a warning about an error that is not thrown to the program.
    func log(_ text: String) {
        logger.warning("\(text)", metadata: ["peer": "\(url.hostAndPort)"])
    }

    // MARK: Links that the peer attaches

    /// Asks the program to accept or refuse a link; called in the connection's domain.
    func ask(_ link: Link) {
        guard link.isLocalUninitialized, link.isRemoteOpen else { return }
        if let linkRequests {
            // If the queue is full, the request is released, which refuses the link.
            linkRequests.put(IncomingLink(link, self))
        } else {
            log("The peer has attached a link, which is refused: nothing here takes any.")
            link.refuse(Condition(.notAllowed, "This client takes no links: it attaches its own."))
        }
    }

    func onLinkOpening(_ event: LinkEvent) { ask(event.link) }

    // MARK: Events

    /// The events of the connection from now on.
    func events() -> AsyncStream<AMQPConnectionEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: AMQPConnectionEvent.self, bufferingPolicy: .bufferingNewest(ClientConnection.keptEvents))
        let id = nextID()
        let phase = state.withLock { state in
            if case .ended = state.phase { return state.phase }
            state.streams[id] = continuation
            return state.phase
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.streams.removeValue(forKey: id) }
        }
        if case .ended(let error) = phase {
            continuation.yield(.ended(error))
            continuation.finish()
        }
        return stream
    }

    private typealias Streams = [UInt64: AsyncStream<AMQPConnectionEvent>.Continuation]

    /// Sends an event to the sequences that existed when the phase changed: a later one begins with the next event.
    private func tell(_ streams: Streams, _ event: AMQPConnectionEvent) {
        for stream in streams.values { stream.yield(event) }
        guard !instrumentation.isEmpty else { return }
        let info = instrumentation.info(url)
        for instrument in instrumentation.instruments { instrument.connectionDidChange(event, info) }
    }

    /// Ends the connection with the first error that is given.
    func end(_ error: ProtonError) {
        let ended: (isClosing: Bool, State)? = state.withLock { state in
            let old = state
            switch state.phase {
            case .ended: return nil
            case .closing: state.phase = .ended(ClientConnection.closedHere)
            case .opening, .open: state.phase = .ended(error)
            }
            (state.links, state.openWaiters, state.endWaiters) = ([:], [], [])
            if case .closing = old.phase { return (true, old) }
            return (false, old)
        }
        guard let (isClosing, old) = ended else { return }
        let reason = isClosing ? ClientConnection.closedHere : error
        for link in old.links.values { link.end(reason) }
        tell(old.streams, .ended(isClosing ? nil : reason))
        for waiter in old.openWaiters { waiter.resume(reason) }
        for waiter in old.endWaiters { waiter.resume(()) }
        if !isClosing, old.wasOpen, logged == .end {
            let level: Logger.Level = reason.code == .closed ? .debug : role.isClient ? .error : .warning
            logger.log(level: level, "\(reason.message)", metadata: ["peer": "\(old.url.hostAndPort)"])
        }
        for stream in old.streams.values { stream.finish() }
        linkRequests?.finish()
    }

    // MARK: Callbacks

    func onConnectionOpened(_ event: ConnectionEvent) {
        let url = event.connection.context?.reconnection?.url
        sessions.opened(event.connection)
        let peer = AMQPPeer(event.connection)
        let (streams, now) = state.withLock { state in
            if let url { state.url = url }
            state.peer = peer
            if case .opening = state.phase { state.phase = .open }
            return (state.streams, state.url)
        }
        tell(streams, .connected(now))
        logger.debug("The connection is open.", metadata: ["peer": "\(now.hostAndPort)"])
        // A peer refuses a connection by an open and a close with the reason, which usually arrive together. Some peers also
        // announce that in the open's properties.
        if peer.properties[.symbol(.connectionEstablishmentFailed)] == nil {
            event.connection.workQueue.add { [self] _ in handOver() }
        }
    }

    /// Hands the connection to the program, if it is still open.
    private func handOver() {
        let waiters: [Waiter<ProtonError?>] = state.withLock { state in
            guard case .open = state.phase else { return [] }
            state.wasOpen = true
            return exchange(&state.openWaiters, with: [])
        }
        for waiter in waiters { waiter.resume(nil) }
    }

    func onConnectionError(_ event: ConnectionEvent) { end(event.error) }

    func onConnectionClosed(_ event: ConnectionEvent) { end(ClientConnection.closedHere) }

    func onConnectionClosing(_ event: ConnectionEvent) { end(ClientConnection.closedByPeer) }

    /// The peer has ended a session: the links on it end, and the connection goes on.
    func onSessionError(_ event: SessionEvent) { endLinks(on: event.session, event.error) }

    func onTransportError(_ event: TransportEvent) {
        guard let error = event.error else { return }
        let (streams, isFirst): (Streams, Bool) = state.withLock { state in
            guard case .opening(let last) = state.phase else { return ([:], false) }
            state.phase = .opening(lastError: error)
            return (state.streams, last == nil)
        }
        // The attempts that follow mostly fail for the same reason.
        if isFirst, logged == .firstTry { logWhereTriedAgain(event, error) }
        tell(streams, .tryFailed(error))
    }

    func onReconnectFailed(_ event: TransportEvent) {
        end(event.error ?? ProtonError(.disconnected, "The connection is lost, and is not made again."))
    }

    func onDisconnected(_ event: TransportEvent) {
        let error = event.error ?? ProtonError(.disconnected, "The connection was lost.")
        if event.connection.context?.reconnection?.options.reconnect == nil { return end(error) }
        let lost: ([ClientLink], Streams)? = state.withLock { state in
            guard case .open = state.phase else { return nil }
            state.phase = .opening(lastError: error)
            return (Array(state.links.values), state.streams)
        }
        guard let (links, streams) = lost else { return }
        logWhereTriedAgain(event, error)
        for link in links { link.interrupt(error) }
        tell(streams, .interrupted(error))
    }

    private func logWhereTriedAgain(_ event: TransportEvent, _ error: ProtonError) {
        if event.connection.isTriedAgain { log("\(error.message) Trying again.") }
    }

    /// The connection is freed: if nothing has ended it, the error of its last attempt does.
    func onConnectionFinal(_ event: ConnectionEvent) {
        let last: ProtonError? = state.withLock { state in
            if case .opening(let error) = state.phase { error } else { nil }
        }
        end(last ?? ProtonError(.disconnected, "The connection has ended."))
    }
}
