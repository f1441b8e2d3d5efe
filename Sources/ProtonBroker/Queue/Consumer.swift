import DequeModule
import ProtonEngine
import ProtonUtilities

/// One that takes messages of a queue: the credit that it has there, and what it has not settled.
///
/// The queue's notes are made with the queue, under its node's lock; the rest belongs to the consumer's own thread.
class Consumer {
    // MARK: The queue's

    enum Turn {
        /// It has no credit, or wants nothing of what is there.
        case none
        /// It stands in the line of those that have credit.
        case inLine
        /// It is in the middle of a long search, and goes on once others had their turn.
        case searching
    }

    /// How many messages it may be given; set and counted down by its queue.
    @exclusivity(unchecked) final var credit = 0
    /// Where it stands in its queue.
    @exclusivity(unchecked) final var turn = Turn.none
    /// What it wants of the queue; nil where it takes any message, which goes the shortest way.
    @exclusivity(unchecked) final var choice: Choice?
    /// The messages that it was chosen for, until it takes them.
    @exclusivity(unchecked) final var outbox = Deque<QueuedMessage>()
    /// Whether it knows that there is something in its outbox.
    @exclusivity(unchecked) private final var isTold = false

    /// Puts a message into the outbox.
    /// - Returns: whether the consumer has to be told.
    final func give(_ message: QueuedMessage) -> Bool {
        outbox.append(message)
        return !exchange(&isTold, with: true)
    }

    /// The next message of the outbox, and whether there are more.
    final func takeNext() -> (QueuedMessage, hasMore: Bool)? {
        let message = outbox.popFirst()
        isTold = !outbox.isEmpty
        return message.map { ($0, isTold) }
    }

    // MARK: The consumer's

    /// Whether what it gets stays in the queue.
    final let isBrowser: Bool
    /// What it has not settled, each message in the slot of its delivery: a small number that is used again.
    @exclusivity(unchecked) private var slots: [QueuedMessage?] = []
    /// How many messages it has not settled.
    @exclusivity(unchecked) private(set) final var unsettledCount = 0

    init(choice: Choice? = nil) {
        self.choice = choice
        isBrowser = choice?.isBrowser ?? false
    }

    /// Keeps a message that was sent to it until it is settled.
    final func hold(_ message: QueuedMessage, in slot: Int) {
        while slots.count <= slot { slots.append(nil) }
        slots[slot] = message
        unsettledCount += 1
    }

    /// Takes out a message whose outcome is known; nil where nothing is in the slot.
    final func take(_ slot: Int) -> QueuedMessage? {
        guard slots.indices.contains(slot), let message = exchange(&slots[slot], with: nil) else { return nil }
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
