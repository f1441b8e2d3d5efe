// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// A link over which a consumer takes messages of a queue: sends what the queue has for it, and tells the queue of its
/// credit and of outcomes.
///
/// `@unchecked Sendable`: it is used in its connection's domain only, but for `wake`, `searchLater` and
/// `closeSinceDeleted`, which go there.
final class ConsumerLink: @unchecked Sendable {
    let queue: Queue
    /// How long its queue is there.
    let lifetime: QueueLifetime
    let isBrowser: Bool
    private let sender: Sender
    private let executor: WorkQueue
    private let transactions: TransactionTable
    private let store: BrokerStore?
    /// What tells it from the queue's other consumers.
    @exclusivity(unchecked) private var id = ConsumerID(index: 0)
    @exclusivity(unchecked) private var phase = Phase.attaching
    /// The queue's numbers of unsettled messages, by the slots of their deliveries; see `Slot`.
    @exclusivity(unchecked) private var slots: [Int32] = []
    /// How many bytes were sent since it was last looked how many of them wait to be written.
    @exclusivity(unchecked) private var uncheckedBytes = 0
    /// What it does once the store has written something; nil where there is no store.
    private let afterStore: DeferredActions?
    /// Messages that the queue has handed out, while they are sent.
    @exclusivity(unchecked) private var outgoing: [QueueState.Outgoing] = []
    /// The queue's numbers of messages that were accepted in this batch of events: it hears of them at the end.
    @exclusivity(unchecked) private var accepted: [Int] = []
    // Made once, since they are handed to the executor with most batches.
    /// Sends what the queue has.
    private var pump: @Sendable (Connection) -> Void = { _ in }
    /// Tells the queue what was accepted.
    private var flush: @Sendable (Connection) -> Void = { _ in }

    private enum Phase {
        case attaching
        case attached
        /// Its socket takes no more for now: an event of the link tells when it does.
        case blocked
        case closed
    }

    /// What `slots` says of a delivery, kept as one number: `number`, -1, or -2 - `number`.
    private enum Slot {
        /// The message has no outcome yet.
        case unsettled(number: Int)
        /// Its outcome is a transaction's to decide.
        case enlisted(number: Int)
        /// It has an outcome.
        case none

        init(_ code: Int32) {
            self = code >= 0 ? .unsettled(number: Int(code)) : code < -1 ? .enlisted(number: Int(-2 - code)) : .none
        }

        var code: Int32 {
            switch self {
            case .unsettled(let number): Int32(truncatingIfNeeded: number)
            case .enlisted(let number): Int32(truncatingIfNeeded: -2 - number)
            case .none: -1
            }
        }
    }

    /// How many bytes may wait to be written before a link has to wait too.
    ///
    /// Proton holds what is sent until the socket takes it, without a limit: more would pile up in it before a slow peer.
    /// It has room for eight messages, within bounds: where less waits than the socket takes at once, each write is followed
    /// by a wait for the next. Measured of messages of 100 bytes: twice the least takes the broker 6 % more time, half of it
    /// 2 %; of those of 20 kB and 1 MB the least takes up to twice the time that the most does.
    private var backlogLimit = 16_384

    private static func backlogLimit(afterMessageOf size: Int) -> Int { min(max(8 * size, 16_384), 131_072) }

    init(
        _ sender: Sender, of queue: Queue, _ lifetime: QueueLifetime, isBrowser: Bool, transactions: TransactionTable,
        context: BrokerContext
    ) {
        self.sender = sender
        self.queue = queue
        self.lifetime = lifetime
        self.isBrowser = isBrowser
        self.transactions = transactions
        store = context.store
        executor = sender.connection.workQueue
        afterStore = context.store.map { DeferredActions($0, sender.connection.workQueue) {} }
    }

    // MARK: The link's life

    /// The queue serves it from now on.
    func attach(as id: ConsumerID) {
        self.id = id
        phase = .attached
        // They keep the link until its end.
        pump = { [self] _ in sendAll() }
        flush = { [self] _ in tellAccepted() }
    }

    /// Tells the queue of credit that the peer has given before the link was attached.
    func begin() { creditChanged() }

    /// The link is closed or detached: what it has not settled goes back.
    /// - Parameter vanished: whether the peer went without closing it, so that what it had is in doubt.
    func end(vanished: Bool) {
        guard !isClosed else { return }
        phase = .closed
        afterStore?.cancel()
        tellAccepted()
        (pump, flush) = ({ _ in }, { _ in })
        // Its numbers may soon be another consumer's.
        slots = []
        queue.remove(id, vanished ? .modified(deliveryFailed: true) : .released)
    }

    private var isClosed: Bool { if case .closed = phase { true } else { false } }

    /// Closes the link, soon: its queue is gone. Called on any of the broker's threads.
    func closeSinceDeleted(_ reason: Condition) {
        executor.add { [self] _ in if !isClosed { sender.close(reason) } }
    }

    // MARK: Sending

    /// The queue has something for it. Called on any of the broker's threads.
    func wake() { executor.add(pump) }

    /// The search for messages that it wants goes on, once others had their turn. Called on any of the broker's threads.
    func searchLater() {
        executor.add { [self] _ in if !isClosed { queue.resumeSearch(for: id) } }
    }

    /// The peer's credit has changed, or messages were written.
    private func creditChanged() {
        guard !isClosed else { return }
        uncheckedBytes = 0
        phase = isBacklogged ? .blocked : .attached
        tellCredit()
    }

    /// - Parameter unsent: messages that were handed out and could not be sent.
    private func tellCredit(unsent: [QueueState.Outgoing] = []) {
        let isBlocked = if case .blocked = phase { true } else { false }
        queue.setCredit(
            sender.credit, of: id, unsent: unsent, isBlocked: isBlocked, isDraining: sender.isDraining)
    }

    private var isBacklogged: Bool {
        sender.queuedCount > 0 && sender.session.outgoingBytes >= backlogLimit
    }

    /// Sends until the queue has nothing more for it, or its socket takes no more.
    private func sendAll() {
        // What is settled counts for what may be sent.
        tellAccepted()
        while case .attached = phase {
            switch queue.next(for: id, &outgoing) {
            case .send: sendOutgoing()
            case .endDrain:
                sender.drained()
                return
            case .wait: return
            }
        }
    }

    /// Sends the messages that were handed out, or gives back what its socket does not take.
    private func sendOutgoing() {
        var index = 0
        while index < outgoing.count, case .attached = phase {
            if send(outgoing[index].message, outgoing[index].slot) { index += 1 }
        }
        // After small messages here, so that none was handed out in vain.
        if uncheckedBytes >= backlogLimit / 2, case .attached = phase { checkBacklog() }
        let unsent = index < outgoing.count ? Array(outgoing[index...]) : []
        outgoing.removeAll(keepingCapacity: true)
        if case .blocked = phase { tellCredit(unsent: unsent) }
    }

    /// - Returns: false where the message could not be sent, and the link cannot send now.
    private func send(_ message: QueuedMessage, _ slot: Int?) -> Bool {
        do {
            let bytes = message.encoded(at: queue.now)
            let delivery = try sender.send(encoded: bytes)
            if let slot {
                if let place = delivery.slot { keep(slot, at: place) } else { queue.settle(slot, of: id, .accepted) }
            }
            uncheckedBytes += bytes.count
            backlogLimit = ConsumerLink.backlogLimit(afterMessageOf: bytes.count)
        } catch let error as ProtonError where error.code == .limitExceeded {
            queue.refuseOversized(QueueState.Outgoing(message: message, slot: slot), of: id)
            return true
        } catch {
            // The link is closed, or its credit is gone, which an event still to come tells.
            phase = .blocked
            return false
        }
        if uncheckedBytes >= backlogLimit { checkBacklog() }
        return true
    }

    /// Finds out whether as much waits to be written as may.
    private func checkBacklog() {
        uncheckedBytes = 0
        if isBacklogged { phase = .blocked }
    }

    private func keep(_ slot: Int, at place: Int) {
        while slots.count <= place { slots.append(-1) }
        slots[place] = Int32(truncatingIfNeeded: slot)
    }

    // MARK: Outcomes

    /// The queue's number of a delivery's message; nil where it has an outcome already.
    private func takeSlot(_ delivery: Delivery) -> Int? {
        guard let place = delivery.slot, slots.indices.contains(place), slots[place] >= 0 else { return nil }
        return Int(exchange(&slots[place], with: -1))
    }

    /// A delivery's place in `slots`, and what that says; nil where it has none.
    private func slot(of delivery: Delivery) -> (place: Int, slot: Slot)? {
        guard let place = delivery.slot, slots.indices.contains(place) else { return nil }
        return (place, Slot(slots[place]))
    }

    /// A disposition has come.
    private func deliveryChanged(_ delivery: Delivery) {
        switch delivery.newAcceptance {
        case .settled where !isBrowser: return accept(delivery)
        case .settled, .accepted: return settle(delivery, .accepted)
        case .none: break
        }
        guard let news = delivery.news() else { return }
        switch news.state {
        case .outcome(let outcome): settle(delivery, outcome)
        case .transactional(let id, let outcome?): enlist(delivery, outcome, in: id, isSettled: news.isSettled)
        // Settled without an outcome: the peer has not said that it has the message.
        default: if news.isSettled { settle(delivery, .released) }
        }
    }

    /// The peer has accepted and settled, as most peers do. The queue hears of all of a batch at once.
    private func accept(_ delivery: Delivery) {
        guard let slot = takeSlot(delivery) else { return refuseWhereEnlisted(delivery) }
        delivery.settle()
        accepted.append(slot)
        if accepted.count == 1 { executor.add(flush) }
    }

    private func tellAccepted() {
        guard !accepted.isEmpty else { return }
        queue.settleAccepted(accepted, of: id)
        accepted.removeAll(keepingCapacity: true)
    }

    /// Settles with the peer's own outcome, once the store has forgotten the message where the peer waits for that.
    private func settle(_ delivery: Delivery, _ outcome: Outcome) {
        // What a browser says of its copy is of no interest.
        if isBrowser { return delivery.settle(.outcome(outcome)) }
        guard let slot = takeSlot(delivery) else { return refuseWhereEnlisted(delivery) }
        let before = store?.lastSequence ?? 0
        var sequence = queue.settle(slot, of: id, outcome)
        // A dead letter is written by the queue that it goes to.
        if sequence == 0, let store, store.lastSequence > before { sequence = store.lastSequence }
        if delivery.isSettled {
            delivery.settle()
        } else if let afterStore, sequence > 0 {
            afterStore.run(after: sequence) { delivery.settle(.outcome(outcome)) }
        } else {
            delivery.settle(.outcome(outcome))
        }
    }

    /// An outcome is to take effect when a transaction commits (AMQP 1.0, 4.4.2).
    private func enlist(_ delivery: Delivery, _ outcome: Outcome, in transaction: [UInt8], isSettled: Bool) {
        do throws(ConditionError) {
            let transaction = try transactions.find(transaction)
            guard let (place, known) = slot(of: delivery) else { return }
            func retirement(_ number: Int) -> Transaction.Retirement {
                Transaction.Retirement(
                    queue: queue, consumer: id, slot: number, outcome: outcome,
                    delivery: isSettled ? nil : delivery, link: self)
            }
            switch known {
            case .unsettled(let number):
                guard queue.enlist(number, of: id) else { return }
                transaction.add(retirement(number))
                slots[place] = isSettled ? Slot.none.code : Slot.enlisted(number: number).code
            case .enlisted(let number):
                guard transaction.replace(retirement(number)) else { throw ConsumerLink.isEnlisted }
                if isSettled { slots[place] = Slot.none.code }
            case .none: return
            }
            if isSettled { delivery.settle() }
        } catch {
            // A disposition has no answer: the link tells.
            sender.close(error.condition)
        }
    }

    private static var isEnlisted: ConditionError {
        ConditionError(.illegalState, "A transaction has the message: end that one first.")
    }

    /// A message is to have an outcome that a transaction has: closes the link, since a disposition has no answer.
    private func refuseWhereEnlisted(_ delivery: Delivery) {
        guard case .enlisted? = slot(of: delivery)?.slot else { return }
        sender.close(ConsumerLink.isEnlisted.condition)
    }

    /// A transaction commits an outcome of a message that the peer has not settled: it cannot have another one any more.
    func fixOutcome(of delivery: Delivery) {
        if let place = slot(of: delivery)?.place { slots[place] = Slot.none.code }
    }

    /// A transaction is rolled back that had an outcome of a message that the peer has not settled: it may have another one.
    func delist(_ delivery: Delivery) {
        guard case (let place, .enlisted(let number))? = slot(of: delivery) else { return }
        slots[place] = Slot.unsettled(number: number).code
    }

    /// The commit is on disk: settles. Called on any thread.
    func settleCommitted(_ delivery: Delivery, _ outcome: Outcome) {
        // It is used in its own domain.
        nonisolated(unsafe) let delivery = delivery
        executor.add { [self] _ in if !isClosed { delivery.settle(.outcome(outcome)) } }
    }
}

extension ConsumerLink: EventHandler {
    /// Takes what comes with every message straight from the engine; the rest goes to the connection's handler.
    func handle(_ delivery: Delivery) { deliveryChanged(delivery) }

    func handle(_ event: EngineEvent) throws {
        if case .link(.flow, _) = event { creditChanged() } else { try sender.connection.eventHandler.handle(event) }
    }
}

/// How long a queue is there that a link is attached to.
enum QueueLifetime: Sendable {
    /// As long as the link, which it was made for.
    case link
    /// As long as anybody uses it, and it holds messages.
    case users
    /// Until the link, or one that comes after it by the same name, is closed by its peer.
    case subscription
}
