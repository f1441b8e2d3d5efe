// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// A link of a client: its state, and the tasks and threads that wait for it.
///
/// It is attached when it is first needed, and again after its connection was lost.
final class ClientLink: MessagingHandler, Sendable {
    private enum Phase {
        /// The link has not been used yet.
        case idle
        /// The peer has not attached the link yet, or it has to be attached again.
        case opening
        case open
        /// The peer has attached no source or target: a refusal, whose reason follows in a detach (AMQP 1.0, 2.6.3).
        case refused
        /// Being closed by this side.
        case closing
        case ended(ProtonError)
    }

    /// How this side ends a link.
    enum Ending: Sendable {
        /// Closes it: the peer also deletes what it keeps for the link.
        case close
        /// Detaches it: the peer keeps what is durable.
        case detach
    }

    private struct State {
        var phase = Phase.idle
        var link: Link?
        var address: String?
        var distributionMode: Terminus.DistributionMode?
        /// How often its connection was lost while it was attached.
        var interruptionCount = 0
        var wasAttached = false
        var waiters: [Waiter<Void>] = []
        var endWaiters: [Waiter<Void>] = []
        var lastID: UInt64 = 0
    }

    let connection: ClientConnection
    /// The link's description in messages: `sender to examples`.
    let title: String
    let traffic: any LinkTraffic
    /// Whether it is a link of blocking calls: if it is being closed when the connection is lost, it is closed on the next
    /// connection, and the end of its session has an error of its own.
    private let isBlocking: Bool
    private let make: @Sendable (Connection, any ProtonHandler) throws -> Link
    /// How the link ends by default.
    private let ending: Ending
    /// Whether the peer attached the link first: then it is no error if the peer ends it.
    let isAnswer: Bool
    private let state = UncheckedMutex(State())
    /// Whether there are instruments, to which the link is reported with its id, role and address.
    let isObserved: Bool
    let id: UInt64
    let role: AMQPLinkInfo.Role
    let asked: String?
    /// Whether a report of the levels is already scheduled.
    let awaitsLevels = Atomic(false)

    init(
        _ connection: ClientConnection, _ title: String, _ traffic: any LinkTraffic, isAnswer: Bool = false,
        isBlocking: Bool = false, ending: Ending = .close, as role: AMQPLinkInfo.Role, _ address: String?,
        make: @escaping @Sendable (Connection, any ProtonHandler) throws -> Link
    ) {
        (self.connection, self.title, self.traffic, self.make) = (connection, title, traffic, make)
        (self.isAnswer, self.isBlocking, self.ending) = (isAnswer, isBlocking, ending)
        isObserved = !connection.instrumentation.isEmpty
        id = isObserved ? Instrumentation.nextID() : 0
        (self.role, asked) = (role, address)
    }

    /// Creates the link that the peer has attached, and the program has accepted.
    convenience init(_ answer: IncomingLink.Answer, _ traffic: any LinkTraffic) {
        self.init(
            answer.link.core, answer.title, traffic, isAnswer: true,
            as: answer.link.peerSends ? .receiver : .sender, answer.chosenAddress
        ) { _, handler in
            try answer.attach(handler)
        }
        state.withLock { $0.address = answer.address }
    }

    // MARK: For the program

    /// The address of the node, from the peer's attach; nil before the link is attached.
    var address: String? { state.withLock { $0.address } }

    /// Whether the node's messages are moved or copied, from the peer's attach; nil before the link is attached.
    var distributionMode: Terminus.DistributionMode? { state.withLock { $0.distributionMode } }

    /// How often the connection was lost while the link was attached.
    var interruptionCount: Int { state.withLock { $0.interruptionCount } }

    /// Whether the peer has attached the link before.
    var wasAttached: Bool { state.withLock { $0.wasAttached } }

    /// Starts to attach the link, if that has not been done.
    func open() {
        let isFirst = state.withLock { state in
            guard case .idle = state.phase else { return false }
            state.phase = .opening
            return true
        }
        guard isFirst else { return }
        connection.add(self)
        let isPosted = connection.post { [self] connection in
            // It may have been closed meanwhile.
            guard case .opening = state.withLock({ $0.phase }) else { return }
            do {
                let link = try make(connection, LinkRelay(self))
                state.withLock { $0.link = link }
            } catch let error as ProtonError where error.code == .closed && !connection.isLocalOpen {
                // The connection is closed, and its end has the reason.
            } catch {
                end(error as? ProtonError ?? ProtonError(.closed, "\(title): \(error)", underlyingError: error))
            }
        }
        // If the connection is about to end, its end has the reason.
        if !isPosted, let error = connection.end { end(error) }
    }

    /// - Returns: whether the peer has attached the link.
    /// - Throws: the error that ended it.
    private func isAttached() throws(ProtonError) -> Bool {
        try state.withLock { state throws(ProtonError) in
            switch state.phase {
            case .open: return true
            case .idle, .opening, .refused: return false
            case .closing: throw closedHere
            case .ended(let error): throw error
            }
        }
    }

    /// Checks that the link is attached, or can be attached.
    /// - Throws: the error that ended it.
    func check() throws(ProtonError) { _ = try isAttached() }

    private func registerForAttach(_ waiter: Waiter<Void>, isOver: Bool) -> Waiting<Void> {
        state.withLock { state in
            switch state.phase {
            case .open, .ended, .closing: return .ready(())
            case .idle, .opening, .refused: break
            }
            if isOver { return .ready(()) }
            state.waiters.append(waiter)
            return .kept
        }
    }

    private func removeWaiter(_ id: UInt64) -> Waiter<Void>? {
        state.withLock { state in
            if let index = state.waiters.firstIndex(where: { $0.id == id }) { return state.waiters.remove(at: index) }
            return state.endWaiters.firstIndex { $0.id == id }.map { state.endWaiters.remove(at: $0) }
        }
    }

    /// Blocks the thread until the peer has attached the link.
    /// - Throws: the reason why it is not attached; `ProtonError.Code.timedOut`, or `.linkError` if the peer attached nothing.
    func waitUntilAttached(until deadline: Deadline) throws(ProtonError) {
        open()
        while try !isAttached() {
            let id = nextID()
            let hasChanged: Void? = waitBlocking(id, until: deadline) { waiter in
                registerForAttach(waiter, isOver: false)
            } onTimeout: {
                removeWaiter(id) != nil
            }
            if hasChanged != nil { continue }
            if case .refused = state.withLock({ $0.phase }) {
                throw ProtonError(.linkError, "\(title): the peer attached nothing, and gave no reason in time.")
            }
            throw ProtonError(.timedOut, "\(title): the peer has not attached the link in time.")
        }
    }

    /// Waits until the peer has attached the link.
    /// - Parameter isOver: whether the caller has waited long enough; checked again after `recheck`.
    /// - Throws: the reason why it is not attached; `CancellationError`.
    func waitUntilAttached(orUntil isOver: @Sendable () -> Bool = { false }) async throws {
        open()
        while !isOver() {
            try Task.checkCancellation()
            if try isAttached() { return }
            let id = nextID()
            await wait(id) { waiter, isCancelled in
                registerForAttach(waiter, isOver: isCancelled || isOver())
            } onCancel: { [self] in
                removeWaiter(id)?.resume(())
            }
        }
    }

    /// Wakes the tasks that wait for the attach, to check whether they have waited long enough.
    func recheck() {
        let waiters = state.withLock { exchange(&$0.waiters, with: []) }
        for waiter in waiters { waiter.resume(()) }
    }

    private func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Runs work with the link in its connection's domain, if the link is attached.
    /// - Parameter otherwise: runs if it is not: in the domain, or at once if the connection has ended.
    func post(_ work: @escaping @Sendable (Link) -> Void, otherwise: @escaping @Sendable () -> Void = {}) {
        let isPosted = connection.post { [self] _ in
            guard let link = attachedLink else { return otherwise() }
            work(link)
            levelsHaveChanged()
        }
        if !isPosted { otherwise() }
    }

    /// The link, if it is attached. Used in its connection's domain.
    var attachedLink: Link? {
        state.withLock { state in
            if case .open = state.phase { state.link } else { nil }
        }
    }

    /// Stops further messages.
    func finish() { traffic.finish(self) }

    /// Closes or detaches the link, and does not wait for the peer.
    /// - Parameters:
    ///   - ending: close or detach; nil is the link's default.
    ///   - withConnection: whether the connection is closed too, and the link with it: a detach would also end what outlives a
    ///     connection, such as a durable subscription (AMQP 1.0, 2.6.6).
    func beginClosing(_ ending: Ending? = nil, withConnection: Bool = false) {
        let wasOpened = state.withLock { state in
            switch state.phase {
            case .idle: state.phase = .ended(closedHere)
            case .opening, .open, .refused: state.phase = .closing
            case .closing, .ended: return false
            }
            if case .closing = state.phase { return true }
            return false
        }
        guard wasOpened else { return }
        let isPosted = connection.post { [self] _ in
            guard let link = state.withLock({ $0.link }) else { return end(closedHere) }
            traffic.closing(link)
            guard !withConnection else { return }
            switch ending ?? self.ending {
            case .close: link.close()
            case .detach: link.detach()
            }
        }
        if !isPosted { end(closedHere) }
    }

    /// Closes or detaches the link, and waits until the peer has done so too, or the connection has ended, for
    /// `ConnectionLimits.closeTimeout` at most.
    func close(_ ending: Ending = .close) async {
        beginClosing(ending)
        let timer = connection.afterCloseTimeout { [self] in end(closedHere) }
        defer { timer?.cancel() }
        await waitToTheEnd(registerForEnd)
    }

    private func registerForEnd(_ waiter: Waiter<Void>) -> Waiting<Void> {
        state.withLock { state in
            if case .ended = state.phase { return .ready(()) }
            state.endWaiters.append(waiter)
            return .kept
        }
    }

    /// Closes the link, and blocks the thread until the peer has closed it too, or the connection has ended.
    /// - Throws: `ProtonError.Code.timedOut`.
    func close(until deadline: Deadline) throws(ProtonError) {
        beginClosing()
        let id = nextID()
        let hasEnded: Void? = waitBlocking(id, until: deadline, registerForEnd) { removeWaiter(id) != nil }
        if hasEnded == nil {
            throw ProtonError(.timedOut, "\(title): the peer has not closed the link in time.")
        }
    }

    var closedHere: ProtonError { ProtonError(.closed, "\(title): closed here.") }
    var closedByPeer: ProtonError { ProtonError(.closed, "\(title): closed by the peer.") }

    /// Whether the link is on a session.
    func isOn(_ session: Session) -> Bool { state.withLock { $0.link?.session === session } }

    // MARK: Ends

    /// Ends the link with the first error that is given.
    func end(_ error: ProtonError) {
        let ended: (ProtonError, [Waiter<Void>])? = state.withLock { state in
            let reason: ProtonError
            switch state.phase {
            case .ended: return nil
            case .closing: reason = closedHere
            case .idle, .opening, .open, .refused: reason = error
            }
            state.phase = .ended(reason)
            state.link = nil
            return (reason, exchange(&state.waiters, with: []) + exchange(&state.endWaiters, with: []))
        }
        guard let (reason, waiters) = ended else { return }
        traffic.ended(reason)
        tellEnd()
        connection.remove(self)
        for waiter in waiters { waiter.resume(()) }
    }

    /// The link's session has ended.
    func sessionEnded(_ error: ProtonError) {
        guard error.code != .closed, !isBlocking else { return end(error) }
        end(
            ProtonError(
                .linkError, "\(title): \(error.message)", condition: error.condition, underlyingError: error))
    }

    /// The connection is lost, and is being made again.
    func interrupt(_ error: ProtonError) {
        let hasEnded = state.withLock { state in
            switch state.phase {
            case .open, .refused:
                state.phase = .opening
                state.interruptionCount += 1
            case .closing: return !isBlocking
            case .idle, .opening, .ended: break
            }
            return false
        }
        if hasEnded { end(closedHere) } else { traffic.interrupted(error) }
        levelsHaveChanged()
    }

    // MARK: Callbacks

    func onLinkOpened(_ event: LinkEvent) {
        let link = event.link
        let (asked, given) = link.isSender ? (link.target, link.remoteTarget) : (link.source, link.remoteSource)
        let isAnswered = given.kind != .unspecified && (given.address != nil || !asked.isDynamic)
        let isAsAsked = asked.address == nil || asked.address == given.address
        let waiters: [Waiter<Void>]? = state.withLock { state in
            guard case .opening = state.phase else { return nil }
            guard isAnswer || (isAnswered && isAsAsked) else {
                state.phase = .refused
                return nil
            }
            state.phase = .open
            if !isAnswer { state.address = given.address }
            state.distributionMode = given.distributionMode
            state.wasAttached = true
            return exchange(&state.waiters, with: [])
        }
        if let waiters {
            traffic.attached(link)
            levelsHaveChanged()
            for waiter in waiters { waiter.resume(()) }
        } else if isAnswered, !isAsAsked, !link.isLocalClosed {
            // No more events of the link matter: its messages must not go to another node.
            let other = given.address.map { "\"\($0)\"" } ?? "a node without an address"
            end(ProtonError(.linkError, "\(title): the peer attached \(other) instead, and gave no reason."))
            link.close()
        }
    }

    func flow(_ link: Link) {
        // Only the node that was asked for may receive messages.
        guard case .open = state.withLock({ $0.phase }) else { return }
        traffic.flow(link)
        levelsHaveChanged()
    }

    func arrived(_ delivery: Delivery) {
        traffic.arrived(delivery)
        levelsHaveChanged()
    }
}
