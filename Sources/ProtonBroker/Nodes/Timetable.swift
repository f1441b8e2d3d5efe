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
    }

    private let state = Mutex(State())
    private let clock: QueueClock

    init(_ clock: QueueClock) { self.clock = clock }

    /// Sets how a timer is started: after a time, from any thread.
    func setTimer(_ start: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void) {
        let now = clock.now
        let timer: (@Sendable () -> Void)? = state.withLock { state in
            state.startTimer = start
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
            return nextTimer(&state, now)
        }
        timer?()
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
        let (nodes, timer): ([Node], (@Sendable () -> Void)?) = state.withLock { state in
            var nodes: [Node] = []
            while let entry = state.entries.min, entry.time <= now {
                if let node = state.entries.popMin()?.node { nodes.append(node) }
            }
            // One that was overtaken by an earlier one has nothing more to start.
            if state.nextTimer == time { state.nextTimer = nil }
            return (nodes, nextTimer(&state, now))
        }
        timer?()
        for node in nodes { node.timeHasCome() }
    }
}
