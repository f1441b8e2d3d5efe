import HeapModule
import Proton
import Synchronization

/// When nodes have something to do because time has passed, and the timer that tells them.
final class Timetable: Sendable {
    private struct Entry: Comparable {
        let time: Int64
        let number: UInt64
        weak var node: Node?

        static func < (left: Entry, right: Entry) -> Bool { (left.time, left.number) < (right.time, right.number) }
        static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
    }

    private struct State {
        var entries = Heap<Entry>()
        var count: UInt64 = 0
        /// When the timer goes off.
        var nextTimer: Int64?
        var startTimer: (@Sendable (Duration, @escaping @Sendable () -> Void) -> Void)?
        /// What a node's time is told to.
        var tell: (@Sendable (Node) -> Void)?
        /// How many entries there may be before those that nobody needs are sought.
        var limit = 1_024
    }

    private let state = Mutex(State())
    private let clock: QueueClock

    init(_ clock: QueueClock) { self.clock = clock }

    /// How many entries there are.
    var count: Int { state.withLock { $0.entries.count } }

    /// Sets how a timer is started, after a time and from any thread, and what is done with a node whose time has come.
    func setTimer(
        _ start: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void,
        tell: @escaping @Sendable (Node) -> Void
    ) {
        let now = clock.now
        let timer: (@Sendable () -> Void)? = state.withLock { state in
            state.startTimer = start
            state.tell = tell
            return nextTimer(&state, now)
        }
        timer?()
    }

    /// Has a node told at a time, by the queues' clock.
    func wake(_ node: Node, at time: Int64) {
        let now = clock.now
        let timer: (@Sendable () -> Void)? = state.withLock { state in
            state.count += 1
            state.entries.insert(Entry(time: time, number: state.count, node: node))
            if state.entries.count > state.limit { thinOut(&state) }
            return nextTimer(&state, now)
        }
        timer?()
    }

    /// Leaves the next entry of each node that is still there: a node that is told asks for its next time itself.
    private func thinOut(_ state: inout State) {
        var next: [ObjectIdentifier: Entry] = [:]
        for entry in state.entries.unordered {
            guard let node = entry.node else { continue }
            let known = next[ObjectIdentifier(node)]
            next[ObjectIdentifier(node)] = known.map { min($0, entry) } ?? entry
        }
        state.entries = Heap(next.values)
        state.limit = max(1_024, state.entries.count * 2)
    }

    /// What starts the timer for the next entry, where none goes off before.
    private func nextTimer(_ state: inout State, _ now: Int64) -> (@Sendable () -> Void)? {
        guard let start = state.startTimer, let next = state.entries.min?.time else { return nil }
        if let timer = state.nextTimer, timer <= next { return nil }
        state.nextTimer = next
        return { start(.milliseconds(max(0, next - now))) { [weak self] in self?.timerWentOff(next) } }
    }

    private func timerWentOff(_ time: Int64) {
        let now = clock.now
        let (nodes, tell, timer) = state.withLock { state in
            var nodes: [Node] = []
            while let entry = state.entries.min, entry.time <= now {
                if let node = state.entries.popMin()?.node { nodes.append(node) }
            }
            // One that was overtaken by an earlier one has nothing more to start.
            if state.nextTimer == time { state.nextTimer = nil }
            return (nodes, state.tell, nextTimer(&state, now))
        }
        timer?()
        for node in nodes { tell?(node) }
    }
}
