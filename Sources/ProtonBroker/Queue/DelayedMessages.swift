import HeapModule

/// Messages that have come and are not to be delivered yet, the next that will be first.
struct DelayedMessages {
    private struct Entry: Comparable {
        let time: Int64
        let message: QueuedMessage

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.message.place) < (right.time, right.message.place)
        }
    }

    private var entries = Heap<Entry>()

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// When the next one is due.
    var nextTime: Int64? { entries.min?.time }

    mutating func add(_ message: QueuedMessage, until time: Int64) {
        entries.insert(Entry(time: time, message: message))
    }

    /// A message that is due, if there is one.
    mutating func popDue(at now: Int64) -> QueuedMessage? {
        guard let next = entries.min, next.time <= now else { return nil }
        return entries.popMin()?.message
    }
}
