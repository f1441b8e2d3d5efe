/// One that takes messages of a queue: the credit that it has there, and what it has not settled.
class Consumer {
    /// How many messages it may be given; set and counted down by its queue.
    @exclusivity(unchecked) var credit = 0
    /// Whether it stands in its queue's line of those that have credit; the queue's own note.
    @exclusivity(unchecked) var isInLine = false
    /// What it wants of the queue; nil where it takes any message, which goes the shortest way.
    @exclusivity(unchecked) final var choice: Choice?
    /// What it has not settled, each message in the slot of its delivery: a small number that is used again.
    @exclusivity(unchecked) private var slots: [QueuedMessage?] = []
    /// How many messages it has not settled.
    @exclusivity(unchecked) private(set) var unsettledCount = 0

    init(choice: Choice? = nil) { self.choice = choice }

    /// Whether what it gets stays in the queue.
    final var isBrowser: Bool { choice?.isBrowser ?? false }

    /// Keeps a message that was sent to it until it is settled.
    final func hold(_ message: QueuedMessage, in slot: Int) {
        while slots.count <= slot { slots.append(nil) }
        slots[slot] = message
        unsettledCount += 1
    }

    /// Takes out a message whose outcome is known; nil where nothing is in the slot.
    final func take(_ slot: Int) -> QueuedMessage? {
        guard slots.indices.contains(slot), let message = slots[slot] else { return nil }
        slots[slot] = nil
        unsettledCount -= 1
        return message
    }

    /// Takes out everything.
    final func takeAll() -> [QueuedMessage] {
        let messages = slots.compactMap(\.self)
        slots = []
        unsettledCount = 0
        return messages
    }
}
