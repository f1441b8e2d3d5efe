// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// A link to a consumer of a queue: sends the queue's messages, and passes credit and outcomes to the queue.
///
/// `@unchecked Sendable`: it is used in its connection's domain only, except for `wake`, `searchLater` and `closeSinceDeleted`,
/// which schedule work there.
final class ConsumerLink: @unchecked Sendable {
    let queue: Queue
    /// How long its queue exists.
    let lifetime: QueueLifetime
    let isBrowser: Bool
    private let sender: Sender
    private let executor: WorkQueue
    private let transactions: TransactionTable
    private let store: BrokerStore?
    /// Identifies it among the queue's consumers.
    @exclusivity(unchecked) private var id = ConsumerID(index: 0)
    @exclusivity(unchecked) private var phase = Phase.attaching
    /// The queue's numbers of unsettled messages, by the slots of their deliveries; see `Slot`.
    @exclusivity(unchecked) private var slots: [Int32] = []
    /// How many bytes were sent since the unwritten bytes were last checked.
    @exclusivity(unchecked) private var uncheckedBytes = 0
    /// The actions that wait for the store; nil if there is no store.
    private let afterStore: DeferredActions?
    /// Messages that the queue has handed out, while they are being sent.
    @exclusivity(unchecked) private var outgoing: [QueueState.Outgoing] = []
    /// The queue's numbers of messages that were accepted in this batch of events: the queue is updated at the end.
    @exclusivity(unchecked) private var accepted: [Int] = []
    // Created once, since they are passed to the executor with most batches.
    /// Sends the queue's messages.
    private var pump: @Sendable (Connection) -> Void = { _ in }
    /// Passes the accepted messages to the queue.
    private var flush: @Sendable (Connection) -> Void = { _ in }

    private enum Phase {
        case attaching
        case attached
        /// Its socket accepts no more bytes for now: an event of the link reports when it does.
        case blocked
        case closed
    }

    /// The state of a delivery in `slots`, encoded as one number: `number`, -1, or -2 - `number`.
    private enum Slot {
        /// The message has no outcome yet.
        case unsettled(number: Int)
        /// A transaction decides its outcome.
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

    /// How many bytes may wait to be written before a link has to wait.
    ///
    /// Proton buffers sent messages until the socket accepts them, without a limit: for a slow peer they would accumulate. The
    /// limit is eight messages, within bounds: if less waits than the socket accepts at once, each write is followed by a wait
    /// for the next. Measured with messages of 100 bytes: twice the minimum costs the broker 6 % more time, half of it 2 %; with
    /// messages of 20 kB and 1 MB the minimum costs up to twice the time of the maximum.
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

    /// Passes to the queue the credit that the peer gave before the link was attached.
    func begin() { creditChanged() }

    /// Ends the link, which is closed or detached: unsettled messages return to the queue.
    /// - Parameter vanished: whether the connection was lost, so that unsettled messages are in doubt.
    func end(vanished: Bool) {
        guard !isClosed else { return }
        phase = .closed
        afterStore?.cancel()
        tellAccepted()
        (pump, flush) = ({ _ in }, { _ in })
        // Its numbers may soon belong to another consumer.
        slots = []
        queue.remove(id, vanished ? .modified(deliveryFailed: true) : .released)
    }

    private var isClosed: Bool { if case .closed = phase { true } else { false } }

    /// Schedules the close of the link: its queue was deleted. Called on any of the broker's threads.
    func closeSinceDeleted(_ reason: Condition) {
        executor.add { [self] _ in if !isClosed { sender.close(reason) } }
    }

    // MARK: Sending

    /// The queue has a message or an event for it. Called on any of the broker's threads.
    func wake() { executor.add(pump) }

    /// Continues the search for matching messages, after other work. Called on any of the broker's threads.
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

    /// Sends until the queue has no more messages for it, or its socket accepts no more.
    private func sendAll() {
        // Settled messages make room for further ones.
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

    /// Sends the messages that were handed out, or returns those that its socket does not accept.
    private func sendOutgoing() {
        var index = 0
        while index < outgoing.count, case .attached = phase {
            if send(outgoing[index].message, outgoing[index].slot) { index += 1 }
        }
        // After small messages it is checked here, so that none was handed out in vain.
        if uncheckedBytes >= backlogLimit / 2, case .attached = phase { checkBacklog() }
        let unsent = index < outgoing.count ? Array(outgoing[index...]) : []
        outgoing.removeAll(keepingCapacity: true)
        if case .blocked = phase { tellCredit(unsent: unsent) }
    }

    /// - Returns: false if the message could not be sent, and the link cannot send now.
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
            // The link is closed, or has no credit any more, which a later event reports.
            phase = .blocked
            return false
        }
        if uncheckedBytes >= backlogLimit { checkBacklog() }
        return true
    }

    /// Checks whether the limit of unwritten bytes is reached.
    private func checkBacklog() {
        uncheckedBytes = 0
        if isBacklogged { phase = .blocked }
    }

    private func keep(_ slot: Int, at place: Int) {
        while slots.count <= place { slots.append(-1) }
        slots[place] = Int32(truncatingIfNeeded: slot)
    }

    // MARK: Outcomes

    /// The queue's number of a delivery's message; nil if it has an outcome already.
    private func takeSlot(_ delivery: Delivery) -> Int? {
        guard let place = delivery.slot, slots.indices.contains(place), slots[place] >= 0 else { return nil }
        return Int(exchange(&slots[place], with: -1))
    }

    /// A delivery's place in `slots`, and its state; nil if it has none.
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
        guard let update = delivery.remoteUpdate() else { return }
        switch update.state {
        case .outcome(let outcome): settle(delivery, outcome)
        case .transactional(let id, let outcome?): enlist(delivery, outcome, in: id, isSettled: update.isSettled)
        // Settled without an outcome: the peer has not confirmed that it has the message.
        default: if update.isSettled { settle(delivery, .released) }
        }
    }

    /// The peer has accepted and settled, as most peers do. The queue is updated once for all messages of a batch.
    private func accept(_ delivery: Delivery) {
        guard let slot = takeSlot(delivery) else { return refuseIfEnlisted(delivery) }
        delivery.settle()
        accepted.append(slot)
        if accepted.count == 1 { executor.add(flush) }
    }

    private func tellAccepted() {
        guard !accepted.isEmpty else { return }
        queue.settleAccepted(accepted, of: id)
        accepted.removeAll(keepingCapacity: true)
    }

    /// Settles with the peer's outcome, and, if the peer waits for that, only after the store has removed the message.
    private func settle(_ delivery: Delivery, _ outcome: Outcome) {
        // A browser's outcome has no effect on the queue.
        if isBrowser { return delivery.settle(.outcome(outcome)) }
        guard let slot = takeSlot(delivery) else { return refuseIfEnlisted(delivery) }
        let before = store?.lastSequence ?? 0
        var sequence = queue.settle(slot, of: id, outcome)
        // The target queue writes a dead letter.
        if sequence == 0, let store, store.lastSequence > before { sequence = store.lastSequence }
        if delivery.isSettled {
            delivery.settle()
        } else if let afterStore, sequence > 0 {
            afterStore.run(after: sequence) { delivery.settle(.outcome(outcome)) }
        } else {
            delivery.settle(.outcome(outcome))
        }
    }

    /// Enlists an outcome in a transaction, which takes effect when it commits (AMQP 1.0, 4.4.2).
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
            // A disposition has no answer: the error closes the link.
            sender.close(error.condition)
        }
    }

    private static var isEnlisted: ConditionError {
        ConditionError(.illegalState, "A transaction has the message: end that one first.")
    }

    /// Closes the link if the message's outcome belongs to a transaction, since a disposition has no answer.
    private func refuseIfEnlisted(_ delivery: Delivery) {
        guard case .enlisted? = slot(of: delivery)?.slot else { return }
        sender.close(ConsumerLink.isEnlisted.condition)
    }

    /// Fixes the outcome of a message that the peer has not settled: its transaction commits.
    func fixOutcome(of delivery: Delivery) {
        if let place = slot(of: delivery)?.place { slots[place] = Slot.none.code }
    }

    /// Removes the outcome of a message that the peer has not settled: its transaction is rolled back.
    func delist(_ delivery: Delivery) {
        guard case (let place, .enlisted(let number))? = slot(of: delivery) else { return }
        slots[place] = Slot.unsettled(number: number).code
    }

    /// Settles after the commit is on disk. Called on any thread.
    func settleCommitted(_ delivery: Delivery, _ outcome: Outcome) {
        // It is used in its own domain.
        nonisolated(unsafe) let delivery = delivery
        executor.add { [self] _ in if !isClosed { delivery.settle(.outcome(outcome)) } }
    }
}

extension ConsumerLink: EventHandler {
    /// Handles deliveries directly, since they are frequent; other events go to the connection's handler.
    func handle(_ delivery: Delivery) { deliveryChanged(delivery) }

    func handle(_ event: EngineEvent) throws {
        if case .link(.flow, _) = event { creditChanged() } else { try sender.connection.eventHandler.handle(event) }
    }
}

/// How long the queue of a link exists.
enum QueueLifetime: Sendable {
    /// As long as the link for which it was created.
    case link
    /// As long as it has links or messages.
    case users
    /// Until the peer closes the link, or a later one with the same name.
    case subscription
}
