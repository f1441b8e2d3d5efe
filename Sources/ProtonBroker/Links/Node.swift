import Proton

/// The memory that the messages of all queues take.
final class Storage {
    let limit: Int
    /// How many bytes of messages the queues hold.
    @exclusivity(unchecked) var used = 0

    init(limit: Int) { self.limit = limit }
}

/// What an address names: a queue, and the links that are attached to it.
///
/// It belongs to the broker's thread, as everything of the broker does that is not `Sendable`.
final class Node {
    /// The name that links attach to: opaque bytes that mean nothing to the broker.
    let address: String
    @exclusivity(unchecked) private var queue: Queue<OutgoingLink>
    private let storage: Storage
    private var links: [ObjectIdentifier: Link] = [:]
    /// Links without credit, since the queue had no room for more messages.
    @exclusivity(unchecked) private var waiting: [IncomingLink] = []

    init(address: String, limits: QueueLimits, storage: Storage) {
        self.address = address
        self.storage = storage
        queue = Queue(limits: limits)
    }

    /// Whether nothing would be lost if the node were forgotten.
    var isUnused: Bool { links.isEmpty && queue.heldMessages == 0 }

    deinit { storage.used -= queue.heldBytes }

    /// How many messages wait in the queue.
    var waitingCount: Int { queue.waitingCount }

    // MARK: Links

    func attach(_ link: Link) {
        links[ObjectIdentifier(link)] = link
    }

    func detach(_ link: Link) {
        links.removeValue(forKey: ObjectIdentifier(link))
    }

    /// Closes every link: the node is gone.
    func closeLinks() {
        let gone = Condition(.resourceDeleted, "The dynamic node is gone with the link that it was made for.")
        for link in links.values { link.close(gone) }
    }

    // MARK: Messages

    /// Takes a message, and sends on what can be sent.
    /// - Throws: where the queue, or the broker, is too full to take it.
    func put(_ bytes: [UInt8]) throws(Refusal) {
        guard storage.used < storage.limit, queue.enqueue(bytes) else { throw Node.full }
        storage.used += bytes.count
        dispatch()
    }

    private static var full: Refusal {
        Refusal(.resourceLimitExceeded, "The queue is full, or the broker: send again later.")
    }

    /// Keeps room for a message of a transaction.
    /// - Throws: where the queue, or the broker, is too full.
    func reserve(_ bytes: [UInt8]) throws(Refusal) {
        guard storage.used < storage.limit, queue.reserve(bytes.count) else { throw Node.full }
        storage.used += bytes.count
    }

    /// Takes a message that there is room kept for.
    func putReserved(_ bytes: [UInt8]) {
        queue.enqueueReserved(bytes)
        dispatch()
    }

    /// Gives up the room that was kept for a message.
    func unreserve(_ bytes: [UInt8]) {
        storage.used -= bytes.count
        queue.unreserve(bytes.count)
    }

    /// Sends messages to consumers until one of the two runs out.
    func dispatch() {
        storage.used -= queue.dropExpired()
        while let (consumer, message) = queue.next() { consumer.deliver(message) }
        relieve()
    }

    /// Ends what a consumer had to do with a message.
    func settle(_ message: QueuedMessage, _ disposal: Disposal) {
        settleAtOnce(message, disposal)
        if disposal == .removed { relieve() } else { dispatch() }
    }

    /// Ends what a consumer had to do with a message that was settled as it was sent, or was not sent after all.
    func settleAtOnce(_ message: QueuedMessage, _ disposal: Disposal) {
        if disposal == .removed { storage.used -= message.bytes.count }
        queue.settle(message, disposal)
    }

    // MARK: Credit

    /// Sets how many messages a consumer may be sent.
    func setCredit(_ credit: Int, of consumer: OutgoingLink) {
        queue.setCredit(credit, of: consumer)
    }

    /// Takes note of a consumer that is new.
    func add(_ consumer: OutgoingLink) {
        queue.addChooser(consumer)
    }

    /// Keeps a message, which is about to come back, from a consumer that cannot process it.
    func keep(_ message: QueuedMessage, from consumer: OutgoingLink) {
        queue.keep(message, from: consumer)
    }

    /// Takes a consumer away, and gives what it had not settled to others.
    func remove(_ consumer: OutgoingLink, failed: Bool) {
        queue.remove(consumer, failed: failed)
        dispatch()
    }

    /// How much credit a sender may have, where it would have `window` at best.
    func allowance(of window: Int) -> Int {
        queue.allowance(of: window)
    }

    /// Remembers a sender that has no credit, for when there is room again.
    func wait(_ link: IncomingLink) {
        waiting.append(link)
    }

    /// Forgets a sender that is over.
    func stopWaiting(_ link: IncomingLink) {
        waiting.removeAll { $0 === link }
    }

    /// Gives credit to senders that wait for it.
    private func relieve() {
        guard !waiting.isEmpty, queue.hasRoomAgain else { return }
        let links = waiting
        waiting = []
        for link in links { link.roomIsBack() }
    }
}
