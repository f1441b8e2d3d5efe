// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton
import ProtonUtilities
import Synchronization

/// A connection's work queue and executor: it runs work in the connection's domain, one item at a time.
///
/// Proton's objects belong to the thread that handles the connection's events: that thread is in the connection's domain. Work
/// that any thread adds here runs there, in order, with the connection as its argument; its output is written at once. An actor
/// whose `unownedExecutor` is the queue shares the domain, and so does a task that prefers `taskExecutor`.
///
/// Work runs on the connection's thread while it is connected, on the container's thread before it is connected and between two
/// transports, and on the global executor after it has ended.
public final class WorkQueue: Sendable {
    /// The permission to enter a domain, which only this class can make.
    struct Key { fileprivate init() {} }

    private struct State {
        var items: [Item] = []
        var place = Place.held
        /// Whether a thread is running items now; it checks for new items before it stops.
        var isRunning = false
        /// The owner of the connection; nil after the connection has ended.
        var owner: (any ConnectionOwner)?
    }

    private let state: UncheckedMutex<State>
    /// Proton's connection while it is in a proactor, where it can be woken. It stays valid until the place changes, which takes
    /// this lock. It is not the lock of the items, so that a thread that adds an item does not wait for a system call.
    private let attached = UncheckedMutex<OpaquePointer?>(nil)
    /// Whether there are items, as a hint without a lock.
    private let hasItems = Atomic<Bool>(false)
    /// Which thread is in the connection's domain.
    package let domain = Domain(Key())
    /// The state that only the thread in the domain uses.
    private let confined = DomainState()
    /// The maximum number of jobs and steps run in a row that were added meanwhile, before other connections are handled.
    static let budget = 1_000

    init(owner: (any ConnectionOwner)?) {
        state = UncheckedMutex(State(owner: owner))
        // The connection belongs to the thread that created it, until it is released or passed to a proactor.
        domain.enter(Key())
    }

    deinit { domain.deallocate(Key()) }

    // MARK: Adding work

    /// Adds work for the connection, from any thread.
    ///
    /// An error that the work throws ends the container's `run()`, as an error of a callback does.
    /// - Returns: whether it will run; false if the connection has ended.
    @discardableResult
    public func add(_ work: @escaping @Sendable (Connection) throws -> Void) -> Bool {
        put(.work(work))
    }

    /// Works as `add`, for a task's request to the connection: if it is added in the domain, it does not wait for another batch.
    package func addStep(_ work: @escaping @Sendable (Connection) throws -> Void) -> Bool {
        put(domain.isCurrent ? .step(work) : .work(work))
    }

    func put(_ item: Item) -> Bool {
        let inDomain = domain.isCurrent
        let signal: Signal? = state.withLock { state in
            if case .closed = state.place, item.needsConnection { return nil }
            let wasEmpty = state.items.isEmpty
            state.items.append(item)
            hasItems.store(true, ordering: .releasing)
            // The thread that runs items checks again before it stops.
            guard wasEmpty, !state.isRunning else { return Signal.none }
            // The current batch runs them at its end.
            if inDomain, case .attached = state.place { return Signal.none }
            return WorkQueue.signal(state)
        }
        guard let signal else { return false }
        send(signal)
        return true
    }

    private static func signal(_ state: borrowing State) -> Signal {
        switch state.place {
        case .held: .none
        case .driven(let wake): wake.map(Signal.tell) ?? .none
        case .parked: state.owner.map(Signal.ask) ?? .none
        case .attached: .wake
        case .closed: .runElsewhere
        }
    }

    private func send(_ signal: Signal) {
        switch signal {
        case .none: break
        case .wake: wake()
        case .tell(let wake): wake()
        case .ask(let owner): owner.runItems(of: self)
        case .runElsewhere: Task.detached { self.runAfterClose() }
        }
    }

    /// Makes the proactor begin a batch for the connection, if it is in a proactor.
    private func wake() {
        attached.withLock { pointer in
            if let pointer { pn_connection_wake(pointer) }
        }
    }

    // MARK: In the domain

    /// Whether items are waiting; an item that is being added now may be missed.
    package var hasWork: Bool { hasItems.load(ordering: .acquiring) }

    /// Runs a batch of the connection's events in the domain, then the waiting items.
    /// - Parameters:
    ///   - body: handles the events.
    ///   - rest: handles the events that the items caused; called after the items have run, unless the connection is moved. The
    ///     steps and jobs that these events add run as well.
    /// - Throws: the error of `body`, or else the first error of an item or of `rest`; the others have run nevertheless.
    package func runBatch(_ body: () throws -> Void, rest: () throws -> Void = {}) throws {
        domain.enter(Key())
        var failure: (any Error)?
        do { try body() } catch { failure = error }
        // If the connection is moved, the items wait for its new place.
        let owns =
            confined.move == nil
            && beginRunning { place in
                switch place {
                case .attached, .driven: true
                case .held, .parked, .closed: false
                }
            }
        if owns {
            let itemFailure = runItems(takeItems())
            failure = failure ?? itemFailure
            if confined.move == nil {
                do { try rest() } catch { failure = failure ?? error }
            }
            if confined.move == nil {
                let itemFailure = runItems(takeSteps())
                failure = failure ?? itemFailure
            }
        }
        try leave(isRunning: owns, failure)
    }

    /// Runs the items of a connection that is in no proactor; has no effect if it has been moved into one.
    /// - Throws: the first error of an item; the others have run nevertheless.
    package func runParked() throws {
        let isMine = beginRunning { place in
            switch place {
            case .parked: true
            case .held, .attached, .driven, .closed: false
            }
        }
        guard isMine else { return }
        domain.enter(Key())
        try leave(isRunning: true, runItems(takeItems()))
    }

    /// Makes this the thread that runs items; false if there are none, if another thread does, or if the place does not allow it.
    private func beginRunning(_ isAllowed: (Place) -> Bool) -> Bool {
        // Every batch calls this, usually without items. An item that is added now is followed by a signal of its own.
        guard hasItems.load(ordering: .acquiring) else { return false }
        return state.withLock { state in
            guard !state.isRunning, !state.items.isEmpty, isAllowed(state.place) else { return false }
            state.isRunning = true
            return true
        }
    }

    /// Runs items, and the jobs and steps that are added meanwhile, so that an actor's next step does not wait for a batch.
    ///
    /// Work that is added meanwhile, and items beyond the budget, wait for the next batch: the output so far is written first,
    /// and other connections are handled.
    /// - Returns: the first error.
    private func runItems(_ first: ArraySlice<Item>) -> (any Error)? {
        var failure: (any Error)?
        var items = first
        var rest = items.count + WorkQueue.budget
        while let item = items.popFirst() {
            rest -= 1
            do { try run(item) } catch { failure = failure ?? error }
            guard confined.move == nil else { break }
            if items.isEmpty, rest > 0 { items = takeSteps() }
        }
        // The remaining items move with the connection.
        if !items.isEmpty { state.withLock { $0.items.insert(contentsOf: items, at: 0) } }
        return failure
    }

    private func takeItems() -> ArraySlice<Item> {
        state.withLock { exchange(&$0.items, with: [])[...] }
    }

    /// Removes the jobs and steps before the first work item.
    private func takeSteps() -> ArraySlice<Item> {
        state.withLock { state in
            let steps = state.items.prefix { if case .work = $0 { false } else { true } }
            if steps.count == state.items.count {
                state.items = []
            } else {
                state.items.removeFirst(steps.count)
            }
            return steps
        }
    }

    private func run(_ item: Item) throws {
        switch item {
        case .work(let work), .step(let work): if let connection = confined.connection { try work(connection) }
        case .actorJob(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .taskJob(let job, let executor): job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
    }

    /// Moves the connection when the domain is left, which is after the batch or the item that calls this.
    package func move(_ move: Move) {
        confined.move = move
    }

    /// Leaves the domain, and moves the connection to its new place.
    private func leave(isRunning: Bool, _ failure: (any Error)?) throws {
        var failure = failure
        let move = exchange(&confined.move, with: nil)
        guard isRunning || move != nil else {
            domain.leave(Key())
            if let failure { throw failure }
            return
        }
        if case .close(let finish) = move {
            let itemFailure = close(finish)
            failure = failure ?? itemFailure
        }
        domain.leave(Key())
        switch move {
        case .attach(let pointer, let handOver):
            change(to: .attached, pointer) { state in
                pauseRunning(isRunning, &state)
                // Under the lock, because another thread may handle the connection's last event before this returns. Items wait
                // for the first batch.
                handOver()
            }
        case .drive(let wake, let handOver):
            change(to: .driven(wake: wake)) { state in
                pauseRunning(isRunning, &state)
                handOver()
            }
        case .park: send(change(to: .parked) { stopRunning(isRunning, &$0) })
        case nil: send(state.withLock { stopRunning(isRunning, &$0) })
        case .close: send(state.withLock { stopRunning(true, &$0) })
        }
        if let failure { throw failure }
    }

    /// Allows the next thread to run items.
    /// - Parameter wasRunning: whether this thread ran items.
    /// - Returns: the signal for the remaining items.
    private func stopRunning(_ wasRunning: Bool, _ state: inout State) -> Signal {
        pauseRunning(wasRunning, &state)
        return state.items.isEmpty || state.isRunning ? .none : WorkQueue.signal(state)
    }

    /// Allows the next thread to run items, without a signal because a batch is certain to follow.
    private func pauseRunning(_ wasRunning: Bool, _ state: inout State) {
        if wasRunning { state.isRunning = false }
        hasItems.store(!state.items.isEmpty, ordering: .releasing)
    }

    /// Moves the connection to another place, with proton's connection if that is a proactor, and changes the rest of the state
    /// at the same time.
    private func change<Result>(
        to place: Place, _ pointer: OpaquePointer? = nil, _ body: (inout State) -> Result
    ) -> Result {
        attached.withLock { attached in
            state.withLock { state in
                (attached, state.place) = (pointer, place)
                return body(&state)
            }
        }
    }

    // MARK: Outside of a batch

    /// Stops the process if the calling thread may not use the connection.
    ///
    /// Outside of the connection's batches, only the thread of a single-threaded loop, or of a connection that is driven by hand,
    /// may use it.
    func admitCaller() {
        let (place, owner) = state.withLock { ($0.place, $0.owner) }
        switch place {
        case .driven(wake: nil), .closed: domain.enter(Key())
        case .held, .parked, .attached, .driven:
            guard owner?.mayBorrow(self) ?? false else {
                fatalError(
                    "A connection is used outside of its domain: add the work to its workQueue, or run with one thread."
                )
            }
            domain.enter(Key())
            // Output that is written now is flushed at the end of the batch that this begins.
            if case .driven(let wake?) = place { wake() } else { wake() }
        }
    }

    /// Ends the use of the connection outside of its batches.
    package func endBorrowing() {
        domain.leave(Key())
    }

    // MARK: The connection's place

    func bind(_ connection: Connection?) {
        confined.connection = connection
    }

    /// Whether proton's connection belongs to a proactor or a driver, which frees it.
    var isOwnedElsewhere: Bool {
        state.withLock { state in
            switch state.place {
            case .attached, .driven: true
            case .held, .parked, .closed: false
            }
        }
    }

    /// Called when the thread that created the connection has finished with it: from now on, the owner makes threads run its
    /// items.
    package func release() {
        domain.leave(Key())
        let signal: Signal = state.withLock { state in
            guard case .held = state.place else { return .none }
            state.place = .parked
            return state.items.isEmpty ? .none : WorkQueue.signal(state)
        }
        send(signal)
    }

    /// Passes a connection that its creator holds to a proactor; called on the creator's thread.
    ///
    /// Waiting items run at the end of the connection's first batch.
    func attach(_ pointer: OpaquePointer, _ handOver: () -> Void) {
        domain.leave(Key())
        change(to: .attached, pointer) { _ in handOver() }
    }

    /// Called when the connection is driven by hand from now on.
    func drive(_ wake: (@Sendable () -> Void)? = nil) {
        state.withLock { $0.place = .driven(wake: wake) }
    }

    /// Passes a connection that its creator holds to a driver; called on the creator's thread.
    /// - Parameter wake: notifies the driver's loop of items.
    func drive<Result>(wake: @escaping @Sendable () -> Void, _ handOver: () -> Result) -> Result {
        domain.leave(Key())
        return change(to: .driven(wake: wake)) { _ in handOver() }
    }

    /// Ends the connection in any place, for an owner whose threads have ended.
    func abandon(_ finish: () -> Void) {
        let isClosed = state.withLock { if case .closed = $0.place { true } else { false } }
        guard !isClosed else { return }
        domain.enter(Key())
        _ = close(finish)
        domain.leave(Key())
        send(state.withLock { stopRunning(true, &$0) })
    }

    /// Closes the queue, in the domain: runs the waiting items, and then `finish`.
    ///
    /// Items that are added later run on the global executor, after the domain is left.
    /// - Returns: the first error of an item.
    private func close(_ finish: () -> Void) -> (any Error)? {
        let items = change(to: .closed) { state in
            state.owner = nil
            state.isRunning = true
            return exchange(&state.items, with: [])
        }
        var failure: (any Error)?
        for item in items {
            do { try run(item) } catch { failure = failure ?? error }
        }
        finish()
        confined.connection = nil
        return failure
    }

    /// Runs jobs after the connection has ended. Work for the connection is rejected by then, so no item throws.
    private func runAfterClose() {
        let isMine = beginRunning { place in
            if case .closed = place { true } else { false }
        }
        guard isMine else { return }
        domain.enter(Key())
        _ = runItems(takeItems())
        domain.leave(Key())
        send(state.withLock { stopRunning(true, &$0) })
    }
}
