import ProtonBroker

/// Changes that go to the disk in one transaction.
struct StoreGroup {
    /// Messages that have left their queues, and were there before the group.
    private(set) var removals: [MessagePlace] = []
    /// The new details of messages that were there before the group, and still are.
    private(set) var updates: [MessagePlace: [UInt8]] = [:]
    /// What else has changed, in order. A message that came and went is nil.
    private(set) var changes: [StoreChange?] = []
    /// Where in `changes` the messages are that may still go.
    private var arrivals: [MessagePlace: Int] = [:]

    /// How many of `changes` may be on the disk, since a try to write them failed at a moment that nobody knows.
    private var tried = 0

    /// Whether there is nothing to be written.
    var isEmpty: Bool { removals.isEmpty && updates.isEmpty && arrivals.isEmpty && !changes.contains { $0 != nil } }

    /// Takes note that a try to write what is there has failed, perhaps after it was on the disk.
    mutating func noteFailure() { tried = changes.count }

    /// Puts changes behind those that are there.
    ///
    /// A message that comes and goes within the group never gets to the disk, and what changes of one is written with
    /// it. The other removals are of messages that came before: nothing else here is about them, so they are kept apart,
    /// to be written first and make room. So are other updates; those of messages that go after all are forgotten.
    mutating func append(_ added: [StoreChange]) {
        changes.reserveCapacity(changes.count + added.count)
        for change in added {
            switch change {
            case .add(let message):
                arrivals[MessagePlace(queue: message.queue, place: message.place)] = changes.count
                changes.append(change)
            case .remove(let queue, let place):
                let place = MessagePlace(queue: queue, place: place)
                if let index = arrivals.removeValue(forKey: place) {
                    changes[index] = nil
                    if index < tried { removals.append(place) }
                } else {
                    removals.append(place)
                    if !updates.isEmpty { updates[place] = nil }
                }
            case .update(let queue, let place, let details):
                let place = MessagePlace(queue: queue, place: place)
                if let index = arrivals[place], case .add(var message)? = changes[index] {
                    message.details = details
                    changes[index] = .add(message)
                } else {
                    updates[place] = details
                }
            case .makeQueue, .removeQueue:
                changes.append(change)
            }
        }
    }
}

/// Where a message is.
struct MessagePlace: Hashable {
    let queue: UInt64
    let place: UInt64
}
