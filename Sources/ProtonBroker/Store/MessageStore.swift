// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton

/// The storage of a broker's durable queues and their durable messages, which outlive the broker.
///
/// A store takes groups of changes at once and writes them later, many together. It numbers the groups, and reports up to
/// which sequence number they are durable: they survive a crash of the system. All members may be called from any thread.
public protocol MessageStore: AnyObject, Sendable {
    /// Reads what earlier runs have written: queues first, then the messages of each queue in the order of their places.
    ///
    /// The broker calls it once, before anything else.
    /// - Throws: if the store cannot be read, with advice.
    func recover(_ take: (StoredItem) throws -> Void) throws

    /// Begins to write; until then changes wait.
    /// - Parameter report: called on a thread of the store, one call at a time; it must not call ``close()``.
    /// - Throws: if the store was started or closed before.
    func start(_ report: @escaping @Sendable (StoreReport) -> Void) throws

    /// Takes changes as one group, to be written after the earlier groups: after a crash all of them are stored, or none.
    ///
    /// Does not wait for the disk. A store that cannot write, as with a full disk, keeps the group, tries again, and reports
    /// ``StoreReport/failing(_:)``.
    /// - Returns: the sequence number of the group: 1 for the first, and one more for each.
    func write(_ group: [StoreChange]) -> UInt64

    /// Writes the groups that are not durable yet, and closes the store. Groups that come later are dropped.
    /// - Throws: if not everything could be written, with the amount that is missing.
    func close() throws
}

extension MessageStore {
    /// Takes one change, as a separate group.
    /// - Returns: the sequence number of the group.
    public func write(_ change: StoreChange) -> UInt64 { write([change]) }
}

/// A report of a store to the broker.
public enum StoreReport: Sendable, Equatable {
    /// The groups up to this sequence number are durable. The numbers rise.
    case written(upTo: UInt64)
    /// The store cannot write, and tries again: the text has the reason and advice.
    ///
    /// It is reported when a write fails, and again if the reason changes.
    case failing(String)
    /// The store can write again after it was failing; a ``written(upTo:)`` follows.
    case recovered
}

/// A change of the content of a store.
public enum StoreChange: Sendable, Equatable {
    /// A durable queue is created; no other queue in the store has its `id`. An existing queue keeps its messages, and gets the
    /// new details.
    case makeQueue(StoredQueue)
    /// A durable queue is deleted, with all its messages.
    case removeQueue(id: UInt64)
    /// A message is added to a queue.
    case add(StoredMessage)
    /// A message is removed from its queue.
    case remove(queue: UInt64, place: UInt64)
    /// The details of a message are replaced, as after a failed delivery.
    case update(queue: UInt64, place: UInt64, details: [UInt8])
}

/// An item that a store reads back.
public enum StoredItem: Sendable, Equatable {
    /// A queue.
    case queue(StoredQueue)
    /// A message of one of the queues that were read before it.
    case message(StoredMessage)
}

/// A durable queue in a store.
public struct StoredQueue: Sendable, Equatable {
    /// Its number in the store.
    public var id: UInt64
    /// The address that links attach to.
    public var address: String
    /// Further data of the broker, in its own encoding; empty for a plain queue.
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
    /// Its place in the order of the queue; no other message of the queue has it.
    public var place: UInt64
    /// When it arrived, in milliseconds since 1970.
    public var arrival: Timestamp
    /// The encoded message, as it arrived.
    public var bytes: [UInt8]
    /// Further data of the broker, in its own encoding; empty for a message that just arrived.
    public var details: [UInt8]

    /// Creates a message.
    public init(queue: UInt64, place: UInt64, arrival: Timestamp, bytes: [UInt8], details: [UInt8] = []) {
        (self.queue, self.place, self.arrival, self.bytes) = (queue, place, arrival, bytes)
        self.details = details
    }
}
