import HeapModule

/// When the messages of a queue expire, the next first.
///
/// A message that leaves the queue is not looked for here: its note goes when its time comes, or when most notes are of
/// messages that have left.
struct Expiries {
    private struct Note: Comparable {
        let time: Int64
        let place: UInt64

        static func < (left: Note, right: Note) -> Bool { left.time < right.time }
    }

    private var notes = Heap<Note>()
    /// How many notes there may be before those of messages that left are sought.
    private var limit = 1_024

    var isEmpty: Bool { notes.isEmpty }
    /// When the next one expires, if it is still there.
    var nextTime: Int64? { notes.min?.time }

    mutating func add(_ place: UInt64, at time: Int64, in messages: MessageList) {
        notes.insert(Note(time: time, place: place))
        guard notes.count > limit else { return }
        notes = Heap(notes.unordered.filter { messages.index(of: $0.place) != nil })
        limit = max(1_024, notes.count * 2)
    }

    /// A place whose message has expired, if it is still there.
    mutating func popExpired(at now: Int64) -> UInt64? {
        guard let first = notes.min, first.time <= now else { return nil }
        return notes.popMin()?.place
    }
}
