import ProtonBroker
import Synchronization

/// A store whose disk is memory, and which writes when a test says so.
final class MemoryStore: MessageStore {
    private struct State {
        var items: [StoredItem] = []
        /// Changes in the groups that are there or not as a whole.
        var groups: [[StoreChange]] = []
        var depth = 0
        var count: UInt64 = 0
        var written: UInt64 = 0
        var progress: (@Sendable (UInt64) -> Void)?
        var isClosed = false
    }

    private let state: Mutex<State>
    private let isTimeToWrite: @Sendable (UInt64) -> Bool

    /// - Parameters:
    ///   - items: what it holds from before.
    ///   - isTimeToWrite: whether it writes, without being told to, once so many changes have come.
    init(_ items: [StoredItem] = [], isTimeToWrite: @escaping @Sendable (UInt64) -> Bool = { _ in true }) {
        self.isTimeToWrite = isTimeToWrite
        state = Mutex(State(items: items))
    }

    func recover(_ take: (StoredItem) throws -> Void) throws {
        for item in state.withLock({ $0.items }) { try take(item) }
    }

    func start(_ progress: @escaping @Sendable (UInt64) -> Void) throws {
        state.withLock { $0.progress = progress }
    }

    func write(_ change: StoreChange) -> UInt64 {
        let number = state.withLock { state in
            if state.depth > 0 {
                state.groups[state.groups.count - 1].append(change)
            } else {
                state.groups.append([change])
            }
            state.count += 1
            return state.count
        }
        if isTimeToWrite(number) { writeAll() }
        return number
    }

    func atomically<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
        state.withLock { state in
            state.depth += 1
            if state.depth == 1 { state.groups.append([]) }
        }
        defer { state.withLock { $0.depth -= 1 } }
        try body()
    }

    func close() throws {
        state.withLock { $0.isClosed = true }
    }

    /// Writes what has come.
    func writeAll() {
        let (progress, count) = state.withLock { state in
            state.written = state.count
            return (state.progress, state.count)
        }
        progress?(count)
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    var changes: [StoreChange] { groups.flatMap(\.self) }

    var groups: [[StoreChange]] { state.withLock { $0.groups } }

    /// What a broker would find in it now.
    var contents: [StoredItem] {
        let (items, changes) = state.withLock { ($0.items, $0.groups.flatMap(\.self)) }
        var queues: [StoredQueue] = []
        var messages: [StoredMessage] = []
        for item in items {
            switch item {
            case .queue(let queue): queues.append(queue)
            case .message(let message): messages.append(message)
            }
        }
        for change in changes {
            switch change {
            case .makeQueue(let queue): queues.append(queue)
            case .removeQueue(let id):
                queues.removeAll { $0.id == id }
                messages.removeAll { $0.queue == id }
            case .add(let message): messages.append(message)
            case .remove(let queue, let place): messages.removeAll { $0.queue == queue && $0.place == place }
            case .update(let queue, let place, let details):
                if let index = messages.firstIndex(where: { $0.queue == queue && $0.place == place }) {
                    messages[index].details = details
                }
            }
        }
        return queues.map { .queue($0) } + messages.sorted { $0.place < $1.place }.map { .message($0) }
    }
}
