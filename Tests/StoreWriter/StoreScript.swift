// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Proton
import ProtonBroker

/// Changes of a broker's life, as a seed tells them: the same again for the same seed and the same beginning.
struct StoreScript {
    /// How many groups may wait for the disk, as unsettled messages would.
    static let window: UInt64 = 256

    /// What a store that has all changes so far holds.
    private(set) var model: StoreModel
    private var random: SplitMix

    /// Begins with what a store holds.
    init(seed: UInt64, _ model: StoreModel) {
        self.model = model
        random = SplitMix(state: seed)
    }

    /// The next group.
    mutating func next() -> [StoreChange] {
        let count = random.next(below: 8) == 0 ? 2 + random.next(below: 6) : 1
        return (0..<count).map { _ in
            let change = nextChange()
            model.apply(change)
            return change
        }
    }

    private mutating func nextChange() -> StoreChange {
        let choice = random.next(below: 1_000)
        if model.queues.isEmpty || (choice < 4 && model.queues.count < 8) {
            let id = (model.queues.keys.max() ?? 0) + 1 + UInt64(random.next(below: 3))
            return .makeQueue(StoredQueue(id: id, address: "queue-\(id)", details: bytes(atMost: 8)))
        }
        let ids = model.queues.keys.sorted()
        let queue = ids[random.next(below: ids.count)]
        if choice < 6 { return .removeQueue(id: queue) }
        let places = model.places(of: queue)
        // So that there is about as much as comes and goes.
        if let last = places.last, random.next(below: 200) < places.count {
            // Mostly the first, or one that has just come.
            let place =
                switch random.next(below: 4) {
                case 0: places[random.next(below: places.count)]
                case 1: last
                default: places[0]
                }
            return .remove(queue: queue, place: place)
        }
        if !places.isEmpty, random.next(below: 4) == 0 {
            let place = places[random.next(below: places.count)]
            return .update(queue: queue, place: place, details: bytes(atMost: 8))
        }
        let place = (places.last ?? UInt64(choice)) + 1 + UInt64(random.next(below: 2))
        let arrival = Timestamp(milliseconds: Int64(random.next(below: 1_000_000)))
        let details = random.next(below: 4) == 0 ? bytes(atMost: 8) : []
        return .add(
            StoredMessage(queue: queue, place: place, arrival: arrival, bytes: bytes(atMost: 300), details: details))
    }

    private mutating func bytes(atMost limit: Int) -> [UInt8] {
        // Now and then one that fills several pages.
        let count = random.next(below: 100) == 0 ? limit * 100 : random.next(below: limit + 1)
        let first = UInt8(truncatingIfNeeded: random.next(below: 256))
        return (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }
    }
}

/// What a store holds.
struct StoreModel: Equatable {
    private(set) var queues: [UInt64: StoredQueue] = [:]
    private var messages: [UInt64: [StoredMessage]] = [:]

    init() {}

    /// What a store gives back.
    init(_ items: [StoredItem]) {
        for item in items {
            switch item {
            case .queue(let queue): apply(.makeQueue(queue))
            case .message(let message): apply(.add(message))
            }
        }
    }

    /// The places of a queue's messages, in order.
    func places(of queue: UInt64) -> [UInt64] { messages[queue, default: []].map(\.place) }

    /// What a store gives back that holds this.
    var items: [StoredItem] {
        let ids = queues.keys.sorted()
        return ids.compactMap { queues[$0] }.map { .queue($0) }
            + ids.flatMap { messages[$0] ?? [] }.map { .message($0) }
    }

    /// How many messages there are.
    var count: Int { messages.values.reduce(0) { $0 + $1.count } }

    /// Makes a change.
    mutating func apply(_ change: StoreChange) {
        switch change {
        case .makeQueue(let queue):
            queues[queue.id] = queue
        case .removeQueue(let id):
            queues[id] = nil
            messages[id] = nil
        case .add(let message):
            let index = messages[message.queue, default: []].firstIndex { $0.place > message.place }
            messages[message.queue, default: []].insert(
                message, at: index ?? messages[message.queue, default: []].endIndex)
        case .remove(let queue, let place):
            messages[queue]?.removeAll { $0.place == place }
            if messages[queue]?.isEmpty == true { messages[queue] = nil }
        case .update(let queue, let place, let details):
            if let index = messages[queue]?.firstIndex(where: { $0.place == place }) {
                messages[queue]?[index].details = details
            }
        }
    }
}

/// Random numbers that are the same again for the same seed (Steele, Lea and Flood, 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func next(below limit: Int) -> Int { Int(next() % UInt64(limit)) }
}

#endif
