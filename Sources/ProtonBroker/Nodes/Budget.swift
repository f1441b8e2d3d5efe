import Synchronization

/// The memory that the messages of all queues take, counted from any thread.
final class Budget: Sendable {
    let limit: Int
    private let count = Atomic(0)

    init(limit: Int) { self.limit = limit }

    /// How many bytes of messages the queues hold.
    var used: Int { count.load(ordering: .relaxed) }

    /// Whether a message may come.
    var hasRoom: Bool { used < limit }

    func take(_ bytes: Int) { count.wrappingAdd(bytes, ordering: .relaxed) }

    func giveBack(_ bytes: Int) { count.wrappingSubtract(bytes, ordering: .relaxed) }
}
