import ProtonBroker

/// Changes that go to the disk in one transaction.
struct StoreGroup {
    /// Messages that have left their queues, and were there before the group.
    private(set) var removals: [MessagePlace] = []
    /// What else has changed, in order. A message that came and went is nil.
    private(set) var changes: [StoreChange?] = []
    /// Where in `changes` the messages are that may still go.
    private var arrivals: [MessagePlace: Int] = [:]

    /// Whether there is nothing to be written.
    var isEmpty: Bool { removals.isEmpty && arrivals.isEmpty && !changes.contains { $0 != nil } }

    /// Puts changes behind those that are there.
    ///
    /// A message that comes and goes within the group never gets to the disk. The other removals are of messages that
    /// came before: nothing else here is about them, so they are kept apart, to be written first and make room.
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
                } else {
                    removals.append(place)
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
