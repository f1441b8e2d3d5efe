import Proton
import Synchronization

/// What the nodes of a broker share; each of its threads may use it.
final class NodeSupport: Sendable {
    let budget: Budget
    let changes = Changes()
    let limitLog: LimitLog
    let clock: QueueClock
    let timetable: Timetable
    /// Where durable messages are kept; nil where the broker keeps nothing.
    let store: (any MessageStore)?
    /// How many messages came into nodes that are gone, and left them for good.
    let received = Atomic<UInt64>(0)
    let removed = Atomic<UInt64>(0)
    private let lastStoredID = Atomic<UInt64>(0)

    init(maxBytes: Int, clock: QueueClock, store: (any MessageStore)?, limitLog: LimitLog) {
        budget = Budget(limit: maxBytes)
        self.limitLog = limitLog
        self.clock = clock
        timetable = Timetable(clock)
        self.store = store
    }

    /// A number for a queue that the store has none of.
    func newStoredID() -> UInt64 { lastStoredID.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Takes note of a queue's number that the store holds.
    func noteStoredID(_ id: UInt64) { lastStoredID.max(id, ordering: .relaxed) }
}
