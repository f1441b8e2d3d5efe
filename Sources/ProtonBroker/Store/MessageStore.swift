public import Proton

/// Where a broker keeps what has to survive it: durable queues with their durable messages.
///
/// A store takes changes at once and writes them later, many together; it tells how far it has come. All of its members
/// may be called from any thread.
public protocol MessageStore: AnyObject, Sendable {
    /// Reads back what was written before: queues first, then the messages of each in the order of their places.
    ///
    /// The broker calls it once, before anything else.
    /// - Throws: where the store cannot be read, in words that say what to do.
    func recover(_ take: (StoredItem) throws -> Void) throws

    /// Begins to write; until then changes wait.
    /// - Parameter progress: called on a thread of the store's, each time that more is on disk, with the number of the
    ///   last change that is: everything up to it survives a crash of the system. The numbers rise.
    func start(_ progress: @escaping @Sendable (_ written: UInt64) -> Void) throws

    /// Takes a change, to be written after those that were taken before.
    ///
    /// Where it cannot be written, as with a full disk, the store says so in the log, keeps it and tries again: its
    /// number is told later.
    /// - Returns: the number of the change: 1 for the first, and rising; that of an earlier one where the change takes the
    ///   place of that, which is still to be written.
    func write(_ change: StoreChange) -> UInt64

    /// Takes the changes that `body` makes as one: after a crash all of them are there, or none.
    ///
    /// What other threads write meanwhile may be among them. `body` must not wait for anything.
    func atomically<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure)

    /// Writes what is still to be written, and closes the store. What is written to it from now on is not kept.
    /// - Throws: where not everything could be written.
    func close() throws
}

/// A change of what a store keeps.
public enum StoreChange: Sendable, Equatable {
    /// A durable queue is made; its `id` is of no other that the store holds.
    case makeQueue(StoredQueue)
    /// A durable queue is gone, with all its messages.
    case removeQueue(id: UInt64)
    /// A message has come into a queue.
    case add(StoredMessage)
    /// A message has left its queue for good.
    case remove(queue: UInt64, place: UInt64)
    /// What the broker has to know of a message in a queue is something else now, as after a delivery in vain.
    case update(queue: UInt64, place: UInt64, details: [UInt8])
}

/// What a store gives back.
public enum StoredItem: Sendable, Equatable {
    /// A queue.
    case queue(StoredQueue)
    /// A message of one of the queues that came before.
    case message(StoredMessage)
}

/// A durable queue in a store.
public struct StoredQueue: Sendable, Equatable {
    /// Its number in the store.
    public var id: UInt64
    /// The address that links attach to.
    public var address: String
    /// What else the broker has to know of it, in a form that only the broker reads; empty for a plain queue.
    public var details: [UInt8]

    /// Creates a queue.
    public init(id: UInt64, address: String, details: [UInt8] = []) {
        (self.id, self.address, self.details) = (id, address, details)
    }
}

/// A durable message in a store.
public struct StoredMessage: Sendable, Equatable {
    /// The number of its queue.
    public var queue: UInt64
    /// Its place in the order of the queue, which no other message there has.
    public var place: UInt64
    /// When it came, in milliseconds since 1970.
    public var arrival: Timestamp
    /// The encoded message, as it came.
    public var bytes: [UInt8]
    /// What else the broker has to know of it, in a form that only the broker reads; empty for one that just came.
    public var details: [UInt8]

    /// Creates a message.
    public init(queue: UInt64, place: UInt64, arrival: Timestamp, bytes: [UInt8], details: [UInt8] = []) {
        (self.queue, self.place, self.arrival, self.bytes) = (queue, place, arrival, bytes)
        self.details = details
    }
}
