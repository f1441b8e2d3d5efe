import CProton
import Synchronization

/// A connection's mailbox: what other threads want done in the connection's own domain, one thing at a time.
///
/// Proton's objects belong to whichever thread handles their connection's events. Work that is added here from any
/// thread runs there, in order, with the connection to work on; what it writes is flushed at once. It is the executor
/// of the connection too: an actor that names it as its `unownedExecutor` shares the connection's domain.
///
/// Work runs wherever the connection stands: on its own thread while it is connected, on the container's before it
/// is connected and between two connections, and on the global executor once it is over.
public final class WorkQueue: Sendable {
    /// One thing to do.
    private enum Item {
        case work(@Sendable (Connection) throws -> Void)
        case job(UnownedJob)
    }

    /// Who runs the items, decided by where the connection is.
    private enum Home {
        /// In no proactor: before it is connected, or between two connections. Somebody else runs them.
        case parked(runner: (@Sendable (WorkQueue) -> Void)?)
        /// In a proactor, which answers `pn_connection_wake`.
        case attached(OpaquePointer)
        /// Over, for good.
        case closed
    }

    private struct State {
        var items: [Item] = []
        var home: Home = .parked(runner: nil)
        /// Whether a thread is running items now: it looks again before it leaves.
        var isDraining = false
        /// What `whenIdle` has to do once that thread is done.
        var takeover: (@Sendable () -> Void)?
    }

    private enum Signal {
        case none
        case run(@Sendable (WorkQueue) -> Void)
    }

    private let state = UncheckedMutex(State())
    /// Whether there are items, as a hint that costs no lock.
    private let hasItems = Atomic<Bool>(false)
    /// Which thread is in the connection's domain.
    package let domain = Domain()
    /// The connection, for the work that wants it.
    private let connection = UnownedConnection()

    package init() {}

    deinit {
        domain.deallocate()
    }

    // MARK: Adding work

    /// Adds work to do with the connection, from any thread.
    ///
    /// What the work throws ends the container's `run()`, as a callback's error does.
    /// - Returns: whether it will run; false where the connection is over.
    @discardableResult
    public func add(_ work: @escaping @Sendable (Connection) throws -> Void) -> Bool {
        put(.work(work), refusedWhenClosed: true)
    }

    private func put(_ item: Item, refusedWhenClosed: Bool) -> Bool {
        let inDomain = domain.isCurrent
        let signal: Signal? = state.withLock { state in
            if refusedWhenClosed, case .closed = state.home { return nil }
            let wasEmpty = state.items.isEmpty
            state.items.append(item)
            hasItems.store(true, ordering: .releasing)
            // Whoever drains, or is in the domain, looks again before it leaves: no signal is needed.
            guard wasEmpty, !state.isDraining else { return Signal.none }
            switch state.home {
            case .attached(let pointer):
                // The wake is made under the lock: the pointer is good until `park` or `close` take the lock.
                if !inDomain { pn_connection_wake(pointer) }
                return Signal.none
            case .parked(let runner):
                return runner.map(Signal.run) ?? Signal.none
            case .closed:
                return .run { queue in Task.detached { queue.drainAfterClose() } }
            }
        }
        guard let signal else { return false }
        if case .run(let runner) = signal { runner(self) }
        return true
    }

    // MARK: Running it

    /// Whether something waits; what is added now may be missed.
    package var hasWork: Bool { hasItems.load(ordering: .acquiring) }

    /// Runs what is there now, in the domain. What is added meanwhile waits for the next round.
    /// - Throws: the first error that work threw; the rest has run all the same.
    package func drain() throws {
        guard let items = takeItems() else { return }
        let failure = run(items)
        finishDraining()
        if let failure { throw failure }
    }

    /// Runs what is there outside of any batch, entering the domain for it.
    package func drainOutsideBatch() throws {
        guard let items = takeItems() else { return }
        domain.enter()
        let failure = run(items)
        // Before the next thread is let in.
        domain.leave()
        finishDraining()
        if let failure { throw failure }
    }

    /// What is there, for the calling thread to run; nil where there is nothing, or another thread runs items.
    private func takeItems() -> [Item]? {
        // Every batch comes here, most for nothing. An item that is added now is followed by a wake of its own.
        guard hasItems.load(ordering: .acquiring) else { return nil }
        return state.withLock { state in
            guard !state.isDraining, !state.items.isEmpty else { return nil }
            state.isDraining = true
            hasItems.store(false, ordering: .relaxed)
            return exchange(&state.items, with: [])
        }
    }

    /// - Returns: the first error.
    private func run(_ items: [Item]) -> (any Error)? {
        var failure: (any Error)?
        for item in items {
            do {
                switch item {
                case .work(let work):
                    if let connection = connection.value { try work(connection) }
                case .job(let job):
                    job.runSynchronously(on: asUnownedSerialExecutor())
                }
            } catch {
                failure = failure ?? error
            }
        }
        return failure
    }

    /// Lets the next thread run items, and has that done where there are some.
    private func finishDraining() {
        var takeover: (@Sendable () -> Void)?
        var runner: (@Sendable (WorkQueue) -> Void)?
        repeat {
            takeover?()
            (takeover, runner) = state.withLock { state in
                if let takeover = exchange(&state.takeover, with: nil) { return (takeover, nil) }
                state.isDraining = false
                guard !state.items.isEmpty else { return (nil, nil) }
                switch state.home {
                case .attached(let pointer):
                    pn_connection_wake(pointer)
                    return (nil, nil)
                case .parked(let runner):
                    return (nil, runner)
                case .closed:
                    return (nil, { queue in Task.detached { queue.drainAfterClose() } })
                }
            }
        } while takeover != nil
        runner?(self)
    }

    /// Runs jobs once the connection is over. Work that wants the connection is refused by then, so nothing throws.
    private func drainAfterClose() {
        try? drainOutsideBatch()
    }

    /// Has a batch of the connection's begun, so that what was written outside of one is flushed.
    package func requestFlush() {
        state.withLock { state in
            if case .attached(let pointer) = state.home { pn_connection_wake(pointer) }
        }
    }

    // MARK: Where the connection stands

    package func bind(_ connection: Connection) {
        self.connection.set(connection)
    }

    /// Hands the connection to a proactor, by `handOver`, from the thread that had it until now.
    ///
    /// What waits already runs at the end of the connection's first batch.
    package func attach(_ pointer: OpaquePointer, _ handOver: () -> Void) {
        domain.leave()
        // Under the lock: another thread may handle the connection's last event before `handOver` returns.
        state.withLock { state in
            state.home = .attached(pointer)
            handOver()
        }
    }

    /// Whether the connection is in a proactor, which owns proton's.
    var isAttached: Bool {
        state.withLock { state in
            if case .attached = state.home { true } else { false }
        }
    }

    /// The connection left its proactor and may go into it again; `runner` has the queue drained meanwhile.
    package func park(runner: (@Sendable (WorkQueue) -> Void)?) {
        let pending = state.withLock { state in
            state.home = .parked(runner: runner)
            return !state.items.isEmpty && !state.isDraining
        }
        if pending { runner?(self) }
    }

    /// Hands a parked connection over, or ends it, while no thread runs its items.
    ///
    /// On the calling thread, or on the one that runs them now, right after.
    package func whenIdle(_ body: @escaping @Sendable () -> Void) {
        let isMine = state.withLock { state in
            guard state.isDraining else {
                state.isDraining = true
                return true
            }
            state.takeover = body
            return false
        }
        guard isMine else { return }
        body()
        finishDraining()
    }

    /// The connection is over; called in its domain. What is still there runs now, on this thread, and then `finish`.
    ///
    /// What is added from now on runs elsewhere, once `finish` has returned.
    package func close(_ finish: () -> Void = {}) throws {
        let items = state.withLock { state in
            state.home = .closed
            state.isDraining = true
            return exchange(&state.items, with: [])
        }
        let failure = run(items)
        finish()
        connection.set(nil)
        finishDraining()
        if let failure { throw failure }
    }
}

extension WorkQueue: SerialExecutor, TaskExecutor {
    /// Runs a job of a task or an actor in the connection's domain; also once the connection is over.
    public func enqueue(_ job: consuming ExecutorJob) {
        _ = put(.job(UnownedJob(job)), refusedWhenClosed: false)
    }

    /// This queue as an actor's executor.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Stops the program where it is not in the connection's domain: a misuse that would race.
    public func checkIsolated() {
        precondition(domain.isCurrent, "This code must run in its connection's domain: use the connection's workQueue.")
    }

    /// Whether the calling thread is in the connection's domain.
    public func isIsolatingCurrentContext() -> Bool? {
        domain.isCurrent
    }
}

/// The connection of a work queue, without the cycle that a strong reference would be.
///
/// `@unchecked Sendable`: it is set before the queue is visible to another thread, and read and cleared in the
/// connection's domain only. `unowned(unsafe)`: the connection closes its queue, which clears this, before it goes;
/// `weak` would give every connection a side table, which slows each of its retains.
private final class UnownedConnection: @unchecked Sendable {
    private(set) unowned(unsafe) var value: Connection?

    func set(_ connection: Connection?) {
        value = connection
    }
}
