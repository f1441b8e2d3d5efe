import ProtonEngine
import ProtonUtilities

extension Node {
    /// What a node's lock guards.
    struct State {
        /// How many messages are looked at for consumers that choose while the queue is locked: some milliseconds' work.
        private static let looksAtATime = 2_000

        var queue: Queue<OutgoingLink>
        var links: [ObjectIdentifier: any AttachedLink] = [:]
        /// The subscriber's new link, which comes into the place of its old one once that is over.
        var successor: (any AttachedLink)?
        /// Links without credit, since the queue had no room for more messages.
        var waiting: [IncomingLink] = []
        /// Whether the broker has forgotten the node: it takes no messages any more.
        var isGone = false
        /// The node's number in the store, once it is there.
        var storedID: UInt64?
        /// When it is told that time has passed.
        var wakeTime: Int64?

        /// Puts messages into consumers' outboxes until one of the two runs out.
        mutating func dispatch() -> Errands? {
            var errands = relieve()
            queue.looks = State.looksAtATime
            while let (consumer, message) = queue.next() {
                guard consumer.give(message) else { continue }
                if errands == nil { errands = Errands() }
                errands?.tell(consumer)
            }
            if !queue.searching.isEmpty {
                if errands == nil { errands = Errands() }
                errands?.searching = exchange(&queue.searching, with: [])
            }
            return errands
        }

        /// Has links given credit, where there is room for messages again.
        mutating func relieve() -> Errands? {
            guard !waiting.isEmpty, queue.hasRoomAgain else { return nil }
            return Errands(relieved: exchange(&waiting, with: []))
        }
    }

    /// What is to be done for links once the lock is released; nil for nothing, as it is of most messages.
    struct Errands {
        /// Consumers with messages in their outboxes; mostly there is one.
        private var consumer: OutgoingLink?
        private var furtherConsumers: [OutgoingLink] = []
        /// Senders that there is room for again.
        private let relieved: [IncomingLink]
        /// Consumers that go on with their search later.
        var searching: [OutgoingLink] = []

        init(relieved: [IncomingLink] = []) { self.relieved = relieved }

        mutating func tell(_ link: OutgoingLink) {
            if consumer == nil { consumer = link } else { furtherConsumers.append(link) }
        }

        func run() {
            consumer?.outboxIsFilled()
            for link in furtherConsumers { link.outboxIsFilled() }
            for link in relieved { link.roomIsBack() }
            for link in searching { link.searchLater() }
        }
    }
}
