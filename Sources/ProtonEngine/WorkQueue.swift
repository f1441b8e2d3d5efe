// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton
import ProtonUtilities
import Synchronization

/// A connection's mailbox and its executor: what is to be done in the connection's own domain, one thing at a time.
///
/// Proton's objects belong to whichever thread handles their connection's events: that thread is in the connection's
/// domain. Work that is added here from any thread runs there, in order, with the connection to work on; what it writes
/// is flushed at once. An actor that names the queue as its `unownedExecutor` shares the connection's domain, and so does
/// a task that prefers `taskExecutor`.
///
/// Work runs wherever the connection stands: on its own thread while it is connected, on the container's before it
/// is connected and between two connections, and on the global executor once it is over.
public final class WorkQueue: Sendable {
    /// What it takes to enter a domain: nobody else can make one.
    struct Key { fileprivate init() {} }

    private struct State {
        var items: [Item] = []
        var place = Place.held
        /// Whether a thread is running items now: it looks again before it leaves.
        var isRunning = false
        /// Whom the connection belongs to; nil once it is over.
        var owner: (any ConnectionOwner)?
    }

    private let state: UncheckedMutex<State>
    /// Proton's connection while it is in a proactor, which can be woken then: it lives until the place is changed, which
    /// takes this lock. Not that of the items, so that nobody who adds some waits for a system call.
    private let attached = UncheckedMutex<OpaquePointer?>(nil)
    /// Whether there are items, as a hint that costs no lock.
    private let hasItems = Atomic<Bool>(false)
    /// Which thread is in the connection's domain.
    package let domain = Domain(Key())
    /// What only the thread in the domain uses.
    private let confined = DomainState()
    /// How many items run in a row that others have added meanwhile, before other connections have their turn.
    static let budget = 1_000

    init(owner: (any ConnectionOwner)?) {
        state = UncheckedMutex(State(owner: owner))
        // Until it is released, or handed to a proactor, the connection belongs to the thread that made it.
        domain.enter(Key())
    }

    deinit { domain.deallocate(Key()) }

    // MARK: Adding work

    /// Adds work to do with the connection, from any thread.
    ///
    /// What the work throws ends the container's `run()`, as a callback's error does.
    /// - Returns: whether it will run; false where the connection is over.
    @discardableResult
    public func add(_ work: @escaping @Sendable (Connection) throws -> Void) -> Bool {
        put(.work(work))
    }

    /// As `add`, for what a task asks of the connection: added in the domain it does not wait for another batch.
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
            // Who runs items looks again before it leaves.
            guard wasEmpty, !state.isRunning else { return Signal.none }
            // A batch runs them at its end.
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

    /// Has a batch of the connection's begun, where it is in a proactor.
    private func wake() {
        attached.withLock { pointer in
            if let pointer { pn_connection_wake(pointer) }
        }
    }

    // MARK: In the domain

    /// Whether something waits; what is added now may be missed.
    package var hasWork: Bool { hasItems.load(ordering: .acquiring) }

    /// Runs a batch of the connection's events in the domain, then the items that wait.
    /// - Parameters:
    ///   - body: handles the events.
    ///   - rest: called once items have run, where the connection stays: handles the events that come of what those did. The items
    ///     that these add run as well.
    /// - Throws: what `body` throws, or else the first error of an item, or of `rest`; the others have run all the same.
    package func runBatch(_ body: () throws -> Void, rest: () throws -> Void = {}) throws {
        domain.enter(Key())
        var failure: (any Error)?
        do { try body() } catch { failure = error }
        // Items wait for the place that the connection goes to, where it goes.
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

    /// Runs the items of a connection that is in no proactor; does nothing where it has gone into one meanwhile.
    /// - Throws: the first error of an item; the rest has run all the same.
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

    /// Becomes the thread that runs items, where there are some, no other does, and the connection's place allows it.
    private func beginRunning(_ isAllowed: (Place) -> Bool) -> Bool {
        // Every batch comes here, most for nothing. An item that is added now is followed by a signal of its own.
        guard hasItems.load(ordering: .acquiring) else { return false }
        return state.withLock { state in
            guard !state.isRunning, !state.items.isEmpty, isAllowed(state.place) else { return false }
            state.isRunning = true
            return true
        }
    }

    /// Runs items, and the jobs and steps that are added meanwhile: an actor's next step need not wait for a batch.
    ///
    /// Work that is added meanwhile waits for the next batch, and so does what comes after so many items: what this one has
    /// written goes out first, and other connections have their turn.
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
        // What is left goes with the connection.
        if !items.isEmpty { state.withLock { $0.items.insert(contentsOf: items, at: 0) } }
        return failure
    }

    private func takeItems() -> ArraySlice<Item> {
        state.withLock { exchange(&$0.items, with: [])[...] }
    }

    /// Takes out the jobs and steps that come before any work.
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

    /// Has the connection go elsewhere when the domain is left: when the batch, or the item, that calls this is done.
    package func move(_ move: Move) {
        confined.move = move
    }

    /// Leaves the domain, and brings the connection to where it goes.
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
                // Under the lock: another thread may handle the connection's last event before this returns. Items wait
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

    /// Lets the next thread run items.
    /// - Parameter wasRunning: whether this one did.
    /// - Returns: what makes sure that those run which are there.
    private func stopRunning(_ wasRunning: Bool, _ state: inout State) -> Signal {
        pauseRunning(wasRunning, &state)
        return state.items.isEmpty || state.isRunning ? .none : WorkQueue.signal(state)
    }

    /// Lets the next thread run items, which is certain to come to them.
    private func pauseRunning(_ wasRunning: Bool, _ state: inout State) {
        if wasRunning { state.isRunning = false }
        hasItems.store(!state.items.isEmpty, ordering: .releasing)
    }

    /// Brings the connection to another place, with proton's connection where that is a proactor, and changes the rest of
    /// the state with that.
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

    /// Stops the process where the calling thread may not use the connection.
    ///
    /// Outside of the connection's batches only a loop of one thread may, or whoever drives the connection by hand.
    func admitCaller() {
        let (place, owner) = state.withLock { ($0.place, $0.owner) }
        switch place {
        case .driven(wake: nil), .closed: domain.enter(Key())
        case .held, .parked, .attached, .driven:
            guard owner?.mayLend(self) ?? false else {
                fatalError(
                    "A connection is used outside of its domain: add the work to its workQueue, or run with one thread."
                )
            }
            domain.enter(Key())
            // What is written now is flushed at the end of the batch that this begins.
            if case .driven(let wake?) = place { wake() } else { wake() }
        }
    }

    /// Ends the use of the connection outside of its batches.
    package func endLoan() {
        domain.leave(Key())
    }

    // MARK: Where the connection stands

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

    /// The maker of the connection is done with it: the owner has its items run from now on.
    package func release() {
        domain.leave(Key())
        let signal: Signal = state.withLock { state in
            guard case .held = state.place else { return .none }
            state.place = .parked
            return state.items.isEmpty ? .none : WorkQueue.signal(state)
        }
        send(signal)
    }

    /// Hands a connection that its maker holds to a proactor, from the thread that has it.
    ///
    /// What waits already runs at the end of the connection's first batch.
    func attach(_ pointer: OpaquePointer, _ handOver: () -> Void) {
        domain.leave(Key())
        change(to: .attached, pointer) { _ in handOver() }
    }

    /// The connection is driven by hand from now on.
    func drive(_ wake: (@Sendable () -> Void)? = nil) {
        state.withLock { $0.place = .driven(wake: wake) }
    }

    /// Hands a connection that its maker holds to a driver, from the thread that has it.
    /// - Parameter wake: tells the loop that has the driver of items.
    func drive<Result>(wake: @escaping @Sendable () -> Void, _ handOver: () -> Result) -> Result {
        domain.leave(Key())
        return change(to: .driven(wake: wake)) { _ in handOver() }
    }

    /// Ends the connection whatever it does now, for an owner whose threads are gone.
    func abandon(_ finish: () -> Void) {
        let isClosed = state.withLock { if case .closed = $0.place { true } else { false } }
        guard !isClosed else { return }
        domain.enter(Key())
        _ = close(finish)
        domain.leave(Key())
        send(state.withLock { stopRunning(true, &$0) })
    }

    /// Closes the queue, in the domain: what is there runs now, and then `finish`.
    ///
    /// What is added from now on runs elsewhere, once the domain is left.
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

    /// Runs jobs once the connection is over. Work that wants the connection is refused by then, so nothing throws.
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
