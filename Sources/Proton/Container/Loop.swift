// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Glibc
import ProtonEngine
import ProtonUtilities
import Synchronization

/// The loop of a container: its proactor, its timers, and its end.
///
/// `@unchecked Sendable`: its state is under a lock. The closures of timers, and the connections that are not connected yet, need
/// not be `Sendable`: they run, and are used, on the one thread of the loop, or with a handler that is `Sendable`
/// (`Container.run(threads:handler:)`).
final class Loop: @unchecked Sendable {
    private let proactor: Proactor
    let state = UncheckedMutex(State())
    /// The thread of a loop that has only one; 0 before it runs, and if it has several.
    private let soleThread = Atomic<UInt>(0)
    /// Read once a batch: whether handlers no longer receive events.
    let isMuted = Atomic<Bool>(false)
    /// The threads that run the loop now.
    private let ownThreads = UncheckedMutex<Set<UInt>>([])
    let clock: TimerClock
    /// The network of the connections; nil is sockets.
    let network: (any LoopNetwork)?

    /// - Parameters:
    ///   - clock: the clock of timers; nil is the system's clock.
    ///   - network: the network of the connections; nil is sockets.
    init(clock: (any ContainerClock)?, network: (any LoopNetwork)? = nil) throws {
        proactor = try Proactor()
        self.network = network
        self.clock = TimerClock(clock)
        self.clock.whenChanged { [weak self] in
            guard let self else { return false }
            state.withLock { self.setTimeout(&$0) }
            // Heartbeats in memory have no timer.
            if network != nil { wake() }
            return true
        }
    }

    /// Releases what never ran, or did not end in time: the container was deinitialized, and no thread runs the loop.
    ///
    /// Until then connections and the loop keep each other.
    func abandon() {
        let (connections, pending, listeners, jobs) = state.withLock { state in
            state.end()
            state.timers.removeAll()
            state.bounds.removeAll()
            return (
                exchange(&state.connections, with: [:]).values, exchange(&state.pending, with: []),
                exchange(&state.listeners, with: [:]).values, exchange(&state.jobs, with: [])
            )
        }
        // The jobs are released here, without the lock.
        withExtendedLifetime(jobs) {}
        for connection in connections { connection.discard() }
        for pending in pending { pending.connection.discard() }
        for (listener, _) in listeners { listener.abandon() }
    }

    // MARK: Connections and listeners

    /// Connects when the current callback returns, or when the loop starts.
    /// - Throws: `ProtonError.Code.closed` if the loop is stopping or has ended.
    func connect(_ connection: Connection) throws {
        try state.withLock { state in
            try state.checkOpen()
            state.pending.append(PendingConnect(connection: connection, thread: UInt(pthread_self())))
        }
    }

    /// Listens from now on.
    /// - Throws: `ProtonError.Code.listenFailed`; `.closed` if the loop is stopping or has ended.
    func listen(_ listener: Listener, backlog: Int32, _ acceptor: @escaping Acceptor) throws {
        try state.withLock { state in
            try state.checkOpen()
            state.listeners[ObjectIdentifier(listener)] = (listener, acceptor)
        }
        do {
            if let network {
                try network.listen(listener, in: inMemory)
            } else {
                try proactor.listen(listener, backlog: backlog)
            }
        } catch {
            state.withLock { _ = $0.listeners.removeValue(forKey: ObjectIdentifier(listener)) }
            throw error
        }
    }

    /// Connects the connections that this thread's callback made, or drops them if the loop is ending.
    private func connectPending(of thread: UInt?) {
        let (mine, isOpen): ([PendingConnect], Bool) = state.withLock { state in
            guard !state.pending.isEmpty else { return ([], true) }
            let mine = state.pending.filter { thread == nil || $0.thread == thread }
            state.pending.removeAll { thread == nil || $0.thread == thread }
            guard (try? state.checkOpen()) != nil else { return (mine, false) }
            for pending in mine { state.connections[ObjectIdentifier(pending.connection)] = pending.connection }
            return (mine, true)
        }
        guard isOpen else {
            for pending in mine { pending.connection.discard() }
            return
        }
        for pending in mine { pending.connection.context?.begin(pending.connection) }
    }

    /// Takes the connections that wait to be connected, for a caller that drives the loop itself.
    func takePending() -> [Connection] {
        state.withLock { $0.takePending() }
    }

    /// Hands a connection to the proactor when the current callback leaves its domain; the address needs no lookup.
    func connect(
        _ connection: Connection, _ configuration: TransportConfiguration, to address: String, othersFollow: Bool
    ) {
        setHandshakeDeadline(of: connection, configuration)
        guard let network else {
            return proactor.connect(connection, configuration, to: address, othersFollow: othersFollow)
        }
        ConnectionDriver.attach(connection, configuration, othersFollow: othersFollow, wake: wake) { driver in
            network.connect(driver, to: address)
        }
    }

    /// Ends a connection whose peer has not opened it in time.
    func setHandshakeDeadline(of connection: Connection, _ configuration: TransportConfiguration) {
        let timeout = configuration.limits.handshakeTimeout
        setDeadline(of: connection, after: timeout) { connection in
            // Not if the attempt has ended meanwhile: without a transport this would end the connection.
            guard !connection.isRemoteOpened, connection.transport != nil else { return }
            connection.abort(.init(.handshakeTimeout, "No open frame came within \(timeout)."))
        }
    }

    /// Runs work on a connection after a time, in place of the work that was set before.
    func setDeadline(
        of connection: Connection, after time: Duration, _ work: @escaping @Sendable (Connection) throws -> Void
    ) {
        let queue = connection.workQueue
        let timer = schedule(after: time, keepsRunning: false) { queue.add(work) }
        state.withLock { state in
            state.cancelDeadline(of: connection)
            state.deadlines[ObjectIdentifier(connection)] = timer
        }
    }

    func cancelDeadline(of connection: Connection) {
        state.withLock { $0.cancelDeadline(of: connection) }
    }

    /// Whether the calling thread is the loop's only one: then it may use a connection until the current callback returns.
    func mayBorrow(_ queue: WorkQueue) -> Bool {
        guard soleThread.load(ordering: .relaxed) == UInt(pthread_self()) else { return false }
        state.withLock { $0.lent.append(queue) }
        return true
    }

    /// Schedules the work items of a connection that is in no proactor.
    func runItems(of queue: WorkQueue) {
        let isPosted = state.withLock { state in
            if case .ended = state.phase { return false }
            state.parked.append(queue)
            return true
        }
        // If the loop has ended, no other thread uses the connection any more.
        if isPosted { proactor.interrupt() } else { try? queue.runParked() }
    }

    // MARK: Timers and jobs

    /// The current time of the timers' clock.
    var now: ContinuousClock.Instant { clock.now }

    func schedule(after delay: Duration, keepsRunning: Bool, _ body: @escaping () throws -> Void) -> TimerQueue.ID {
        let deadline = clock.now.advanced(by: max(.zero, delay))
        // A waiting thread may have to see the new timer.
        defer { if network != nil { wake() } }
        return state.withLock { state in
            let id = state.timers.add(at: deadline, keepsRunning: keepsRunning, body)
            if state.timers.nextDeadline == deadline { setTimeout(&state) }
            return id
        }
    }

    func cancel(_ id: TimerQueue.ID) -> Bool {
        let (wasThere, isIdle) = state.withLock { ($0.timers.cancel(id), $0.isIdle) }
        // It may have been the last timer that kept the loop running.
        if wasThere, isIdle { wake() }
        return wasThere
    }

    /// Runs work that limits the time of the loop's end, independent of the timers' clock.
    private func bound(after delay: Duration, _ body: @escaping () -> Void) {
        state.withLock { state in
            _ = state.bounds.add(at: .now.advanced(by: max(.zero, delay)), keepsRunning: false, body)
            setTimeout(&state)
        }
    }

    /// Sets the proactor's time-out. Called with the lock held, so that the last call has seen the latest timers.
    ///
    /// An earlier time-out is kept: timers that are usually cancelled, such as those of requests, then cost no system call each.
    func setTimeout(_ state: inout State) {
        guard let delay = state.delay(by: clock) else { return }
        let time = ContinuousClock.now.advanced(by: delay)
        if let set = state.timeout, set <= time { return }
        state.timeout = time
        // Proton reports a time-out of zero before it looks at its sockets: many timers in a row would keep it from that.
        let least: Int64 = state.timerRuns > 0 ? 1 : 0
        proactor.setTimeout(milliseconds: UInt32(clamping: max(least, delay.milliseconds)))
    }

    /// Runs a job on one of the loop's threads, after the jobs that were posted before.
    /// - Returns: whether it will run: false if the loop has ended.
    @discardableResult
    func post(_ job: @escaping @Sendable () throws -> Void) -> Bool {
        let isPosted = state.withLock { state in
            if case .ended = state.phase { return false }
            state.jobs.append(job)
            return true
        }
        if isPosted { proactor.interrupt() }
        return isPosted
    }

    /// Keeps the loop running until `release` was called as often, or it is stopped.
    func hold() {
        state.withLock { $0.holds += 1 }
    }

    /// Undoes a `hold`, from any thread.
    func release() {
        state.withLock { $0.holds -= 1 }
        wake()
    }

    /// Wakes the loop to check whether it has ended.
    func wake() {
        proactor.interrupt()
    }

    // MARK: Running

    /// Whether the loop is being stopped, or has ended.
    var isStopping: Bool {
        state.withLock { state in
            switch state.phase {
            case .idle, .running: false
            case .stopping, .failing, .ended: true
            }
        }
    }

    /// Whether the loop waits for nothing.
    var isIdle: Bool { state.withLock { $0.isIdle && $0.holds == 0 } }

    /// Runs until nothing is left to wait for, on this thread and `threads - 1` of its own.
    /// - Parameter start: called first, unless the loop was stopped already: then it only closes its connections and listeners.
    /// - Throws: the first error that a handler threw; `ProtonError.Code.closed` if the loop has run before.
    func run(threads: Int, start: () throws -> Void) throws {
        let starts = try state.withLock { state in
            switch state.phase {
            case .idle:
                state.phase = .running
                return true
            case .stopping(isRunning: false):
                state.phase = .stopping(isRunning: true)
                return false
            case .running, .stopping, .failing, .ended:
                throw ProtonError(.closed, "A container runs once: make a new one.")
            }
        }
        if threads == 1 { soleThread.store(UInt(pthread_self()), ordering: .relaxed) }
        defer { soleThread.store(0, ordering: .relaxed) }
        do {
            if starts { try start() }
        } catch {
            fail(error)
        }
        connectPending(of: nil)
        let helpers = (1..<max(1, threads)).compactMap { _ in Thread.start { [self] in asItsThread(runOnThisThread) } }
        runOnThisThread()
        for helper in helpers { helper.join() }
        let failure: (any Error)? = state.withLock { state in
            state.timers.removeAll()
            state.bounds.removeAll()
            if case .ended(let failure) = state.phase { return failure }
            return nil
        }
        if let failure { throw failure }
    }

    /// Whether the calling thread is one of those that run the loop.
    var isOnItsThread: Bool { ownThreads.withLock { $0.contains(UInt(pthread_self())) } }

    /// Makes the calling thread one of those that run the loop.
    func asItsThread<Result>(_ body: () throws -> Result) rethrows -> Result {
        let thread = UInt(pthread_self())
        ownThreads.withLock { _ = $0.insert(thread) }
        defer { ownThreads.withLock { _ = $0.remove(thread) } }
        return try body()
    }

    private func runOnThisThread() {
        while !finishCallback() {
            do {
                if try network?.turn(inMemory) == true { continue }
                try proactor.handleNext(self)
            } catch {
                fail(error)
            }
        }
        // The next thread also has to check whether it has ended.
        proactor.interrupt()
    }

    /// Handles what a callback has left: connections to connect, and connections that it borrowed.
    /// - Returns: whether the loop has ended.
    private func finishCallback() -> Bool {
        // With one lock, since every batch pays for it.
        let (lent, hasPending, hasEnded) = state.withLock { state in
            (
                state.lent.isEmpty ? [] : exchange(&state.lent, with: []), !state.pending.isEmpty,
                state.endIfIdle()
            )
        }
        for queue in lent { queue.endBorrowing() }
        guard hasPending else { return hasEnded }
        connectPending(of: UInt(pthread_self()))
        return state.withLock { $0.endIfIdle() }
    }

    // MARK: Ending

    /// Closes listeners and connections; the loop ends when all are closed, or when the grace period has passed.
    func stop(_ condition: Condition? = nil, grace: Duration = .seconds(5)) {
        let (listeners, connections): ([Listener], [WorkQueue]) = state.withLock { state in
            switch state.phase {
            case .idle: state.phase = .stopping(isRunning: false)
            case .running: state.phase = .stopping(isRunning: true)
            case .stopping, .failing, .ended: return ([], [])
            }
            state.timers.removeAll()
            return (state.listeners.values.map(\.listener), state.connections.values.map(\.workQueue))
        }
        for listener in listeners { listener.close() }
        for queue in connections { queue.add { $0.close(condition) } }
        // Connections that other threads' callbacks made are dropped when these callbacks return.
        connectPending(of: UInt(pthread_self()))
        bound(after: grace) { [unowned self] in dropAll() }
        proactor.interrupt()
    }

    /// Ends the loop with a handler's error, and drops everything.
    func fail(_ error: any Error) {
        let isFirst = state.withLock { state in
            switch state.phase {
            case .failing, .ended: return false
            case .idle, .running, .stopping: break
            }
            state.phase = .failing(error)
            state.timers.removeAll()
            state.jobs = []
            return true
        }
        guard isFirst else { return }
        isMuted.store(true, ordering: .relaxed)
        dropAll()
        proactor.interrupt()
    }

    /// Closes listeners, and aborts connections without waiting for their peers.
    ///
    /// Each in its own domain: a connection that `pn_proactor_disconnect` drops would outlive the loop, and proton would never
    /// free it.
    private func dropAll() {
        let (listeners, connections): ([Listener], [WorkQueue]) = state.withLock { state in
            (state.listeners.values.map(\.listener), state.connections.values.map(\.workQueue))
        }
        for listener in listeners { listener.close() }
        for queue in connections { queue.add { $0.abort() } }
        // This waits only for the loop's own threads: if one of them is stuck, the others still end.
        bound(after: .seconds(2)) { [unowned self] in endAnyway() }
    }

    /// Ends the loop with everything that is left; `abandon` releases that.
    private func endAnyway() {
        state.withLock { $0.end() }
    }
}
