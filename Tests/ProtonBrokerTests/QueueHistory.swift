// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting

@testable import ProtonBroker

/// A random history of a queue: consumers, producers and transactions do what links do, time passes, the broker crashes.
struct QueueHistory {
    /// What a history is made of, as often as it stands here.
    private enum Step: CaseIterable {
        case put, putMany, produce, produceMany, abort, joinProducer, leaveProducer, answerReturn
        case join, credit, block, leave, pump, pumpAll, pumpPart, settle, settleMany, acceptMany
        case enlist, reserve, commit, takeEffect, rollBack
        case passTime, passTimeUnnoticed, toggleMemory, crash
    }

    /// What a transaction has done with a consumer's message.
    struct Retirement {
        let client: ConsumerID
        let slot: Int
        let outcome: Outcome
        let isSettled: Bool
    }

    struct Commit {
        let prepared: [PreparedMessage]
        let retirements: [Retirement]
    }

    static let colours = ["red", "green", "blue"]

    var step = 0
    /// What happens in this step, in words.
    var event = ""
    var queue: QueueHarness
    var model = QueueModel()
    var random: SplitMix
    /// The one transaction that is open.
    var retirements: [Retirement] = []
    var commits: [Commit] = []
    private var hasCrashed = false

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        // Some hold more than is made ready for a consumer at a time.
        let largest = Int.random(in: 0..<4, using: &random) == 0 ? 300 : 60
        var limits = QueueLimits(messages: .random(in: 4...largest, using: &random))
        limits.policy = QueueLimits.Policy.allCases[Int(seed % 3)]
        if Bool.random(using: &random) { limits.bytes = .random(in: 500...20_000, using: &random) }
        let redelivery = RedeliveryPolicy(
            maxDeliveries: Bool.random(using: &random) ? 3 : nil,
            delay: .milliseconds([0, 10].randomElement(using: &random) ?? 0), maxDelay: .milliseconds(40))
        let (isDurable, buries, buriesExpired) = (
            Bool.random(using: &random), Bool.random(using: &random), Bool.random(using: &random)
        )
        queue = QueueHarness(limits: limits) {
            $0.redelivery = redelivery
            $0.isDurable = isDurable
            $0.deadLetterAddress = buries ? "dead" : nil
            $0.deadLettersExpired = buriesExpired
        }
    }

    var settings: QueueSettings { queue.state.settings }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    // MARK: Steps

    /// Does something, and checks what came of it.
    mutating func takeStep() throws(Violation) {
        var step = Step.allCases.randomElement(using: &random) ?? .put
        if step == .crash, !chance(10) { step = .pumpAll }
        event = "\(step)"
        switch step {
        case .put: try put(from: nil)
        case .putMany: for _ in 0..<(chance(10) ? 80 : 8) { try put(from: nil) }
        case .produce: try produce()
        case .produceMany: for _ in 0..<12 { try produce() }
        case .abort:
            guard let id = randomProducer(), model.producers[id, default: 0] > 0 else { return }
            model.producers[id, default: 0] -= 1
            try change { state, effects in [(id, state.use(id, size: nil, &effects))] }
        case .joinProducer:
            guard model.producers.count < 5 else { return }
            let id = queue.state.addProducer(maxWindow: .random(in: 1...40, using: &random))
            model.producers[id] = 0
            try change { state, effects in [(id, state.grant(id, &effects))] }
        case .leaveProducer:
            guard let id = randomProducer() else { return }
            model.producers[id] = nil
            queue.returns.removeAll { $0 == id }
            try change {
                $0.removeProducer(id, &$1)
                return []
            }
        case .answerReturn:
            guard let id = queue.returns.popLast() else { return }
            let credit = min(model.producers[id] ?? 0, chance(20) ? 3 : 0)
            model.producers[id] = credit
            try change {
                $0.noteReturn(of: id, credit: credit, &$1)
                return []
            }
        case .join: try join()
        case .credit, .block: try setCredit(isBlocked: step == .block)
        case .leave: try leave()
        case .pump, .pumpPart:
            if let id = queue.woken.randomElement(using: &random) { try pump(id, inParts: step == .pumpPart) }
        case .pumpAll: try pumpAll()
        case .settle: try settle()
        case .settleMany: for _ in 0..<8 { try settle() }
        case .acceptMany: try acceptMany()
        case .enlist: enlist()
        case .reserve: try reserve()
        case .commit: try commit()
        case .takeEffect: if !commits.isEmpty { try takeEffect(commits.removeFirst()) }
        case .rollBack: try rollBack()
        case .passTime: try pass(.random(in: 1...30, using: &random))
        // Its wake-up comes a little later.
        case .passTimeUnnoticed: queue.clock.advance(by: .milliseconds(.random(in: 1...10, using: &random)))
        case .toggleMemory:
            queue.state.brokerHasRoom.toggle()
            try change {
                $0.resumeProducers(&$1)
                return []
            }
        case .crash: try crash()
        }
    }

    /// Changes the state, and checks it.
    /// - Parameters:
    ///   - ending: the places of messages that may end now.
    ///   - droppable: whether messages may be dropped to make room.
    ///   - body: returns the credit that producers get.
    mutating func change(
        ending: Set<UInt64> = [], mayDrop: Bool = false,
        _ body: (inout QueueState, inout QueueEffects) -> [(ProducerID, Int)]
    ) throws(Violation) {
        (queue.changes, queue.deadLetters, queue.drops, queue.grants) = ([], [], [:], [])
        let waiting = queue.state.messages
        let granted = queue.change(body)
        for (id, count) in granted + queue.grants.map({ ($0.producer, $0.count) }) {
            try require(model.producers[id] != nil, "credit for a producer that has left")
            model.producers[id, default: 0] += count
        }
        try model.write(queue.changes)
        try noteEnded(ending, mayDrop: mayDrop, waiting: waiting)
        if !queue.grants.isEmpty || granted.contains(where: { $0.1 > 0 }) {
            try model.checkGrant(queue.state, try QueueModel.messages(of: queue.state, model))
        }
        noteTaken()
        try model.check(queue.state, woken: queue.woken)
    }

    /// Notes which messages consumers have, or are about to have.
    private mutating func noteTaken() {
        for (id, client) in model.clients where !client.isBrowser {
            for message in Array(queue.state.consumers[id.index].ready) {
                model.messages[message.place]?.wasTaken = true
            }
            for place in client.unsettled.values { model.messages[place]?.wasTaken = true }
        }
    }

    /// Finds out which messages have ended, and whether they had to.
    private mutating func noteEnded(
        _ ending: Set<UInt64>, mayDrop: Bool, waiting: MessageList
    ) throws(Violation) {
        let found = try QueueModel.messages(of: queue.state, model)
        let gone = Set(model.messages.keys).subtracting(found.keys)
        try require(ending.isSubset(of: gone), "a message did not end")
        let now = queue.state.clock.now
        var dropped: [UInt64] = []
        for place in gone.subtracting(ending) {
            if let expiry = model.messages[place]?.expiry, expiry <= now { continue }
            try require(mayDrop, "\(place) is dropped for no reason")
            dropped.append(place)
        }
        // Those that would have been sent next.
        let first = waiting.all.map(\.place).filter { !gone.contains($0) || dropped.contains($0) }
        try require(Set(first.prefix(dropped.count)) == Set(dropped), "others than the first are dropped")
        for place in gone { try model.end(place) }
        for (message, _) in queue.deadLetters where message.isStored {
            // As the dead-letter queue does, in one group with its own.
            try require(model.store.removeValue(forKey: message.place) != nil, "a dead letter is not stored")
        }
        let told = queue.drops.values.reduce(0, +) + queue.deadLetters.count
        try require(told >= dropped.count && told <= gone.count, "told of \(told) ends of \(gone.count)")
    }

    // MARK: Messages in

    mutating func makeMessage() -> (bytes: [UInt8], known: QueueModel.Known) {
        let colour = Self.colours.randomElement(using: &random) ?? ""
        var message = Message(body: String(repeating: "x", count: .random(in: 0...60, using: &random)))
        message.properties = ["colour": .string(colour)]
        message.isDurable = .random(using: &random)
        if chance(30) { message.priority = .random(in: 0...9, using: &random) }
        if chance(15) { message.timeToLive = .milliseconds(Int.random(in: 1...80, using: &random)) }
        if chance(10) { message.annotations["x-opt-delivery-delay"] = .int(.random(in: 1...50, using: &random)) }
        let bytes = (try? message.encoded()) ?? []
        let expiry = message.timeToLive.map { queue.state.clock.now + Int64($0 / .milliseconds(1)) }
        return (
            bytes,
            QueueModel.Known(
                colour: colour, size: bytes.count, isDurable: message.isDurable && settings.isDurable, expiry: expiry)
        )
    }

    private func randomProducer() -> ProducerID? { model.producers.keys.min { $0.index < $1.index } }

    private mutating func produce() throws(Violation) {
        let ids = model.producers.keys.sorted { $0.index < $1.index }
        guard let id = ids.randomElement(using: &random) else { return }
        // One in fifty sends beyond its credit.
        guard model.producers[id, default: 0] > 0 || chance(2) else { return }
        try put(from: id)
    }

    mutating func put(from producer: ProducerID?) throws(Violation) {
        let (bytes, known) = makeMessage()
        let place = QueuedMessage(
            bytes: bytes, priority: MessagePrefix(bytes).priority, position: queue.state.arrivals
        ).place
        let isPromised = producer.map { model.producers[$0, default: 0] > 0 } ?? false
        if let producer { model.producers[producer] = max(0, model.producers[producer, default: 0] - 1) }
        // It is noted before, since it may be sent, or dropped, at once.
        let arrivals = queue.state.arrivals
        var refusal: QueueRefusal?
        var before = queue.state
        var effects = QueueEffects()
        let isTaken = before.receive(bytes, from: producer, &effects).refusal == nil
        if isTaken { model.messages[place] = known }
        try change(mayDrop: settings.limits.policy == .dropOldest) { state, effects in
            let result = state.receive(bytes, from: producer, &effects)
            refusal = result.refusal
            return producer.map { [($0, result.grant)] } ?? []
        }
        try require((refusal == nil) == (queue.state.arrivals == arrivals + 1), "refused, and taken")
        let isWithin = isPromised && settings.limits.policy == .withholdCredit
        try require(!isWithin || refusal != .queueFull, "a message within credit is refused")
        if settings.limits.policy != .withholdCredit, refusal == nil {
            try require(queue.state.heldMessages <= settings.limits.messages, "holds more than its limit")
        }
    }

    // MARK: Time, crashes, the end

    private mutating func pass(_ milliseconds: Int) throws(Violation) {
        queue.clock.advance(by: .milliseconds(milliseconds))
        try change {
            $0.advance(&$1)
            return []
        }
    }

    /// The broker starts again from its store.
    private mutating func crash() throws(Violation) {
        let stored = model.store.values.sorted { $0.place < $1.place }
        try require(model.ended.isDisjoint(with: stored.map(\.place)), "a message comes back that has ended")
        var fresh = QueueModel()
        (fresh.store, fresh.storeHasQueue) = (model.store, model.storeHasQueue)
        var harness = queue
        harness.state = QueueState(settings, clock: queue.state.clock, isStored: model.storeHasQueue)
        (harness.woken, harness.searching, harness.returns, harness.changes) = ([], [], [], [])
        for message in stored {
            let known = model.messages[message.place]
            var restored = QueuedMessage(message)
            let prefix = MessagePrefix(message.bytes)
            let age = queue.state.clock.timeOfDay - message.arrival.milliseconds
            let expiry = prefix.timeToLive.map { queue.state.clock.now + Int64($0) - age }
            if let known { try require(restored.failures == known.failures, "failures are forgotten") }
            restored.wasAcquired = false
            let colour = (try? Message(decoding: message.bytes))?.properties["colour"]?.stringValue ?? ""
            fresh.messages[message.place] = QueueModel.Known(
                colour: colour, size: message.bytes.count, isDurable: true, expiry: expiry,
                failures: restored.failures)
        }
        (model, queue, retirements, commits, hasCrashed) = (fresh, harness, [], [], true)
        try change { state, effects in
            for message in stored { state.restore(message, &effects) }
            return []
        }
    }

    /// Ends everything, and has one consumer take what is left.
    mutating func finish() throws(Violation) {
        event = "the end"
        try rollBack()
        while !commits.isEmpty { try takeEffect(commits.removeFirst()) }
        for id in openClients { try leave(id) }
        for id in model.producers.keys {
            model.producers[id] = nil
            try change {
                $0.removeProducer(id, &$1)
                return []
            }
        }
        if chance(20) { return try delete() }
        try pass(200)
        let id = queue.state.addConsumer(selection: nil, maxUnsettled: 10_000)
        model.clients[id] = QueueModel.Client(
            colour: nil, isBrowser: false, maxSize: .max, maxUnsettled: 10_000, credit: 10_000)
        while !model.messages.isEmpty {
            let count = model.messages.count
            model.clients[id]?.credit = 10_000
            try tellCredit(of: id, isBlocked: false)
            try pumpAll()
            for slot in (model.clients[id]?.unsettled ?? [:]).keys.sorted() {
                try settle(slot, of: id, .accepted, isStored: false)
            }
            try require(model.messages.count < count, "messages are left that nobody gets")
        }
        try leave(id)
        try require(queue.state.heldMessages == 0 && queue.state.heldBytes == 0, "holds something at the end")
        try require(queue.state.promisedMessages == 0 && queue.state.promisedBytes == 0, "promises are left")
        try require(model.store.isEmpty, "something is left in the store")
        if !hasCrashed { try require(queue.state.arrivals == queue.state.departures, "counts wrongly") }
    }

    private mutating func delete() throws(Violation) {
        try change(ending: Set(model.messages.keys)) {
            $0.delete(&$1)
            return []
        }
        try require(!model.storeHasQueue && model.store.isEmpty, "the store keeps a queue that is deleted")
        try require(queue.state.heldMessages == 0 && queue.state.heldBytes == 0, "a deleted queue holds something")
    }
}
