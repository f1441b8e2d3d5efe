import Glibc
import Proton
import ProtonBroker

/// What a store was given and has not yet begun to write: a state machine that knows neither threads nor files.
struct StoreIntake {
    /// How far a store is in its life.
    enum Phase {
        /// Changes wait until they may be written.
        case new
        /// Changes are written as they come.
        case running(progress: @Sendable (UInt64) -> Void)
        /// What is there is written, and no more is kept.
        case closing(progress: (@Sendable (UInt64) -> Void)?)
        /// The file is closed; with an error where not everything could be written.
        case closed(ProtonError?)
    }

    /// What the thread that writes does next.
    enum Step {
        /// Writes changes, the last of which has this number.
        case write([StoreChange], last: UInt64)
        /// Closes the file.
        case close
    }

    /// Changes that a thread makes as one.
    private struct Scope {
        let owner: pthread_t
        /// How many calls are within each other.
        var depth: Int
        /// The place of the first of them in `pending`.
        var start: Int
    }

    private(set) var phase = Phase.new
    private var pending: [StoreChange] = []
    /// Where in `pending` the updates of messages are that later ones may replace: a message can come back any number of
    /// times while the disk is slow.
    private var updates: [MessagePlace: Int] = [:]
    private var scope: Scope?
    /// Whether another thread waits for the scope to end.
    private var isScopeAwaited = false
    /// Whether the thread that writes waits for changes.
    private var isAwaiting = false
    /// The number of the change that was given last.
    private var given: UInt64 = 0
    /// The number of the change that was taken last to be written.
    private var taken: UInt64 = 0

    // MARK: What the broker does

    /// Takes a change in.
    /// - Returns: its number, and whether the thread that writes waits for it.
    mutating func append(_ change: StoreChange) -> (result: UInt64, wakes: Bool) {
        switch phase {
        case .new, .running:
            if let number = replace(change) { return (number, false) }
            pending.append(change)
        case .closing, .closed: break
        }
        given += 1
        return (given, endsWaiting())
    }

    /// Puts an update in the place of the one before it of the same message, and takes note of what others may replace.
    /// - Returns: the number of the one before; nil where the change is to be put at the end.
    private mutating func replace(_ change: StoreChange) -> UInt64? {
        switch change {
        case .add, .makeQueue: break
        case .remove(let queue, let place):
            if !updates.isEmpty { updates[MessagePlace(queue: queue, place: place)] = nil }
        case .removeQueue: updates = [:]
        case .update(let queue, let place, _):
            let place = MessagePlace(queue: queue, place: place)
            // What belongs to changes that are one stays among them, behind what came before.
            guard scope == nil else {
                updates[place] = nil
                break
            }
            if let index = updates[place] {
                pending[index] = change
                return taken + UInt64(index) + 1
            }
            updates[place] = pending.count
        }
        return nil
    }

    /// Whether there is now what the thread that writes waits for, which is to be said once.
    private mutating func endsWaiting() -> Bool {
        guard isAwaiting, ready > 0 else { return false }
        isAwaiting = false
        return true
    }

    /// Begins changes that are one, if no other thread is about to make such.
    /// - Returns: nil where one is.
    mutating func enterScope(_ thread: pthread_t) -> Void? {
        guard scope != nil else {
            scope = Scope(owner: thread, depth: 1, start: pending.count)
            return ()
        }
        guard scope?.owner == thread else {
            isScopeAwaited = true
            return nil
        }
        scope?.depth += 1
        return ()
    }

    /// Ends changes that are one.
    /// - Returns: whether a thread waits for that.
    mutating func leaveScope() -> Bool {
        scope?.depth -= 1
        guard scope?.depth == 0 else { return false }
        scope = nil
        defer { isScopeAwaited = false }
        return endsWaiting() || isScopeAwaited
    }

    /// Lets changes be written from now on.
    mutating func start(_ progress: @escaping @Sendable (UInt64) -> Void) throws(ProtonError) {
        guard case .new = phase else {
            throw ProtonError(.storeFailed, "The store has been started or closed before: open it again.")
        }
        phase = .running(progress: progress)
    }

    /// Lets what is there be written, and nothing more.
    mutating func close() {
        switch phase {
        case .new: phase = .closing(progress: nil)
        case .running(let progress): phase = .closing(progress: progress)
        case .closing, .closed: break
        }
    }

    // MARK: What the thread that writes does

    /// What is to be done now; nil where that is nothing, and the thread is to be woken once there is something.
    mutating func next() -> Step? {
        switch phase {
        case .new, .closed: return nil
        case .running: return take()
        case .closing: return take() ?? (pending.isEmpty ? .close : nil)
        }
    }

    /// How many changes may be written: not those that belong to changes that are not complete.
    private var ready: Int { scope?.start ?? pending.count }

    /// Takes the changes that may be written.
    private mutating func take() -> Step? {
        let count = ready
        isAwaiting = count == 0
        guard count > 0 else { return nil }
        taken += UInt64(count)
        // Those of a scope are not among them.
        updates = [:]
        let changes: [StoreChange]
        if count == pending.count {
            changes = pending
            pending = []
        } else {
            changes = Array(pending[..<count])
            pending.removeSubrange(..<count)
        }
        scope?.start = 0
        return .write(changes, last: taken)
    }

    /// Whether the store is to be closed.
    var isClosing: Bool {
        if case .closing = phase { true } else { false }
    }

    /// Whom to tell what is written.
    var progress: (@Sendable (UInt64) -> Void)? {
        switch phase {
        case .running(let progress): progress
        case .closing(let progress): progress
        case .new, .closed: nil
        }
    }

    /// How the store was closed; nil where it is not.
    var ending: Result<Void, ProtonError>? {
        guard case .closed(let error) = phase else { return nil }
        return error.map { .failure($0) } ?? .success(())
    }

    /// The store is closed.
    mutating func end(_ error: ProtonError?) {
        phase = .closed(error)
        (pending, updates) = ([], [:])
    }
}
