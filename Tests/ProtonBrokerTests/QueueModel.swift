// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting

@testable import ProtonBroker

/// What is wrong with a queue, in words.
struct Violation: Error, CustomStringConvertible {
    let description: String
}

/// Throws where something does not hold.
func require(_ condition: Bool, _ words: @autoclosure () -> String) throws(Violation) {
    if !condition { throw Violation(description: words()) }
}

/// What a queue has to hold and to do, noted as simply as possible: each message, each consumer, each producer, the store.
struct QueueModel {
    /// A message that was accepted and has not ended.
    struct Known {
        let colour: String
        let size: Int
        let isDurable: Bool
        /// When it expires, by the queue's clock.
        let expiry: Int64?
        var failures: UInt32 = 0
        /// Whether it was a consumer's once: a browser need not see it any more.
        var wasTaken = false
    }

    /// A consumer, as its link and peer see it.
    struct Client {
        let colour: String?
        let isBrowser: Bool
        let maxSize: Int
        let maxUnsettled: Int
        var credit = 0
        var isBlocked = false
        var isDraining = false
        var isOpen = true
        /// Places of messages by their slots.
        var unsettled: [Int: UInt64] = [:]
        /// The slots that transactions have.
        var enlisted: Set<Int> = []
        var refused: Set<UInt64> = []
        var seen: Set<UInt64> = []

        func wants(_ message: Known, at place: UInt64) -> Bool {
            (colour == nil || colour == message.colour) && message.size <= maxSize && !refused.contains(place)
                && !seen.contains(place) && !(isBrowser && message.wasTaken)
        }
    }

    /// The messages by their places.
    var messages: [UInt64: Known] = [:]
    /// The places of those that have ended since the start.
    var ended: Set<UInt64> = []
    var clients: [ConsumerID: Client] = [:]
    /// The producers' credit.
    var producers: [ProducerID: Int] = [:]
    /// What room is kept for, of transactions.
    var reserved: [[UInt8]] = []
    /// Messages of transactions that are written and not let in yet, and their memory.
    var prepared: [UInt64: Int] = [:]
    /// Messages whose removal is written, and that are not removed yet.
    var removing: Set<UInt64> = []
    /// What the store holds.
    var store: [UInt64: StoredMessage] = [:]
    var storeHasQueue = false

    /// Applies what a queue asks its store for.
    mutating func write(_ changes: [StoreChange]) throws(Violation) {
        for change in changes {
            switch change {
            case .makeQueue:
                try require(!storeHasQueue, "the queue is made twice in the store")
                storeHasQueue = true
            case .removeQueue:
                try require(storeHasQueue, "a queue is removed that the store does not have")
                (store, storeHasQueue) = ([:], false)
            case .add(let message):
                try require(storeHasQueue, "a message comes into the store before its queue")
                try require(store.updateValue(message, forKey: message.place) == nil, "a place is stored twice")
            case .remove(_, let place):
                try require(store.removeValue(forKey: place) != nil, "\(place) is removed that is not stored")
            case .update(_, let place, let details):
                try require(store[place] != nil, "\(place) is updated that is not stored")
                store[place]?.details = details
            }
        }
    }

    /// A message has ended.
    mutating func end(_ place: UInt64) throws(Violation) {
        try require(messages.removeValue(forKey: place) != nil, "\(place) ends that is not there")
        try require(ended.insert(place).inserted, "\(place) ends twice")
    }

    // MARK: What has to hold

    /// The messages of a state, by their places.
    static func messages(of state: QueueState, _ model: QueueModel) throws(Violation) -> [UInt64: QueuedMessage] {
        var found = state.messages.all
        try require(found.map(\.place) == found.map(\.place).sorted(), "messages wait out of order")
        try require(found.count == state.messages.count, "the list counts wrongly")
        var times = state.times
        found += times.removeAllDelayed()
        for (id, client) in model.clients {
            let consumer = state.consumers[id.index]
            if !client.isBrowser { found += consumer.ready }
            try require(consumer.unsettledCount == client.unsettled.count, "another number of unsettled messages")
            for (slot, place) in client.unsettled {
                guard let message = consumer[slot]?.message else { throw Violation(description: "\(place) is lost") }
                try require(message.place == place, "\(place) is another message")
                found.append(message)
            }
        }
        var byPlace: [UInt64: QueuedMessage] = [:]
        for message in found {
            try require(byPlace.updateValue(message, forKey: message.place) == nil, "\(message.place) is there twice")
        }
        return byPlace
    }

    /// Checks a state against this.
    /// - Parameter woken: the consumers whose links were woken.
    func check(_ state: QueueState, woken: [ConsumerID]) throws(Violation) {
        let found = try QueueModel.messages(of: state, self)
        try require(
            Set(found.keys) == Set(messages.keys), "messages are lost or doubled: \(found.count) for \(messages.count)")
        for (place, message) in found {
            try require(message.failures == messages[place]?.failures, "\(place) has \(message.failures) failures")
        }
        try checkCounts(state, found)
        try checkStore(found)
        for (id, client) in clients where client.isOpen { try check(id, client, state, woken) }
        try checkLine(state)
        try checkProducers(state)
    }

    /// Those who stand in the line know it, and stand there once.
    private func checkLine(_ state: QueueState) throws(Violation) {
        try require(Set(state.line).count == state.line.count, "a consumer stands in the line twice")
        for (id, client) in clients {
            let isInLine = state.consumers[id.index].turn == .inLine
            try require(isInLine == state.line.contains(id), "a consumer does not know where it stands")
            try require(client.isOpen || !isInLine, "a consumer that has left stands in the line")
        }
        try require(state.line.allSatisfy { clients[$0] != nil }, "somebody unknown stands in the line")
    }

    private func checkCounts(_ state: QueueState, _ found: [UInt64: QueuedMessage]) throws(Violation) {
        let count = found.count + reserved.count + prepared.count
        try require(state.heldMessages == count, "holds \(state.heldMessages) messages for \(count)")
        let bytes =
            found.values.reduce(0) { $0 + $1.memory } + prepared.values.reduce(0, +)
            + reserved.reduce(0) { $0 + $1.count + QueuedMessage.overhead }
        try require(state.heldBytes == bytes, "holds \(state.heldBytes) bytes for \(bytes)")
    }

    private func checkStore(_ found: [UInt64: QueuedMessage]) throws(Violation) {
        guard storeHasQueue || !store.isEmpty else {
            return try require(!messages.values.contains { $0.isDurable }, "a durable message is not stored")
        }
        let expected = Set(messages.filter { $0.value.isDurable }.keys).union(prepared.keys.filter { store[$0] != nil })
            .subtracting(removing)
        try require(Set(store.keys) == expected, "the store holds \(store.count) messages for \(expected.count)")
        for (place, stored) in store {
            guard let message = found[place] else { continue }
            try require(stored.bytes == message.bytes, "\(place) is stored as another one")
            try require(stored.details == message.details, "\(place) has other details in the store")
        }
    }

    private func check(
        _ id: ConsumerID, _ client: Client, _ state: QueueState, _ woken: [ConsumerID]
    ) throws(Violation) {
        let consumer = state.consumers[id.index]
        try require(consumer.credit == client.credit, "credit \(consumer.credit) for \(client.credit)")
        try require(consumer.ready.count <= consumer.credit, "more is ready than there is credit for")
        try require(
            consumer.ready.count + consumer.unsettledCount <= client.maxUnsettled, "more is ready than may be unsettled"
        )
        try require(!client.isBlocked || consumer.ready.isEmpty, "something is ready for a link that is blocked")
        try require(consumer.isAwake == woken.contains(id), "a link was not woken, or is not known to be awake")
        let hasWork = !consumer.ready.isEmpty || client.isDraining && !client.isBlocked && consumer.turn != .searching
        try require(!hasWork || woken.contains(id), "a link was not woken that has something to do")
        for message in Array(consumer.ready) {
            guard let known = messages[message.place] else {
                try require(client.isBrowser, "a message is ready that is not there")
                continue
            }
            // What was ready for a browser before another consumer had it, it may still get.
            try require(client.isBrowser || client.wants(known, at: message.place), "an unwanted message is ready")
        }
        // A link that is awake asks for more itself.
        guard consumer.room > 0, consumer.turn != .searching, !woken.contains(id) else { return }
        let ready = client.isBrowser ? Set(consumer.ready.map(\.place)) : []
        for message in state.messages.all where !ready.contains(message.place) {
            guard let known = messages[message.place], client.wants(known, at: message.place) else { continue }
            throw Violation(description: "\(message.place) and a consumer that wants it both wait")
        }
    }

    private func checkProducers(_ state: QueueState) throws(Violation) {
        var (count, bytes) = (0, 0)
        for (id, credit) in producers {
            let producer = state.producers[id.index]
            try require(producer.credit == credit, "a producer has credit \(producer.credit) for \(credit)")
            count += producer.credit
            bytes += producer.promisedBytes
        }
        try require(
            state.promisedMessages == count && state.promisedBytes == bytes,
            "promises \(state.promisedMessages), \(state.promisedBytes) for \(count), \(bytes)")
        guard let first = state.waiting.first, state.brokerHasRoom else { return }
        let limits = state.settings.limits
        let (usedCount, usedBytes) = (state.heldMessages + count, state.heldBytes + bytes)
        let isFree = usedCount <= limits.messages / 4 * 3 && usedBytes <= limits.bytes / 4 * 3
        let isAffordable = limits.bytes - usedBytes >= state.producers[first.index].expectedSize
        try require(!(isFree && isAffordable), "a producer waits though a quarter is free")
    }

    /// Checks that credit that was just given is room that is kept.
    func checkGrant(_ state: QueueState, _ found: [UInt64: QueuedMessage]) throws(Violation) {
        let limits = state.settings.limits
        guard limits.policy == .withholdCredit else { return }
        // What was read for selectors since the credit was given.
        let slack = found.values.reduce(0) { $0 + ($1.extras?.memory ?? 0) }
        try require(state.heldMessages + state.promisedMessages <= limits.messages, "credit is given without room")
        let isOneForAll = state.promisedMessages == 1 && state.heldMessages == 0
        try require(
            isOneForAll || state.heldBytes + state.promisedBytes <= limits.bytes + slack,
            "credit is given without bytes")
    }
}
