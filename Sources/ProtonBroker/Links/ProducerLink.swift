// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// A link from a producer: accepts messages when they are in their queue, and gives the peer credit.
///
/// It settles together with the outcome, also if the peer requests the receiver settle mode `second`: links are not resumed here,
/// so waiting for the sender has no use, and some clients request that mode and then wait for a settled outcome.
///
/// `@unchecked Sendable`: it is used in its connection's domain only, except for `grant`, `askForUnusedCredit` and
/// `closeSinceDeleted`, which schedule work there.
final class ProducerLink: @unchecked Sendable {
    /// The destination of the messages.
    enum Destination {
        /// A queue.
        case queue(Queue, QueueLifetime)
        /// All subscriptions of a topic.
        case topic(Topic)
        /// The address of each message: the anonymous relay.
        case relay

        /// The address of the node; nil if there is none.
        var address: String? {
            switch self {
            case .queue(let queue, _): queue.address
            case .topic(let topic): topic.address
            case .relay: nil
            }
        }
    }

    let destination: Destination
    private let receiver: Receiver
    private let executor: WorkQueue
    private let context: BrokerContext
    private let transactions: TransactionTable
    private let access: PeerAccess
    private let management: ManagementNode
    /// Identifies it among the producers of its queue; nil if it has no queue of its own.
    @exclusivity(unchecked) private var id: ProducerID?
    /// How much credit it has, if no queue counts it.
    @exclusivity(unchecked) private var credit = 0
    /// Credit from the queue that the peer gets later: too many messages wait for the disk.
    private var heldCredit = 0
    /// The actions that wait for the store; nil if there is no store.
    private var afterStore: DeferredActions?
    private var isClosed = false
    /// Whether the peer supports the outcome rejected.
    private let takesRejection: Bool

    init(
        _ receiver: Receiver, to destination: Destination, access: PeerAccess, transactions: TransactionTable,
        management: ManagementNode, context: BrokerContext
    ) {
        self.access = access
        self.management = management
        self.receiver = receiver
        self.destination = destination
        self.transactions = transactions
        self.context = context
        executor = receiver.connection.workQueue
        let outcomes = receiver.remoteSource.outcomes
        takesRejection = outcomes.isEmpty || outcomes.contains("amqp:rejected:list")
        if let store = context.store {
            afterStore = DeferredActions(store, executor) { [unowned self] in
                give(exchange(&heldCredit, with: 0))
                grantOwn()
            }
        }
    }

    // MARK: The link's life

    /// The queue serves it from now on.
    func attach(as id: ProducerID) { self.id = id }

    /// Gives the first credit.
    func begin() {
        if let id, case .queue(let queue, _) = destination { give(queue.grant(id)) } else { grantOwn() }
    }

    /// The link is closed or detached.
    func end() {
        guard !isClosed else { return }
        isClosed = true
        afterStore?.cancel()
        if let id, case .queue(let queue, _) = destination { queue.remove(id) }
    }

    /// Schedules the close of the link: its queue was deleted. Called on any of the broker's threads.
    func closeSinceDeleted(_ reason: Condition) {
        executor.add { [self] _ in if !isClosed { receiver.close(reason) } }
    }

    // MARK: Credit

    /// The queue has room again. Called on any of the broker's threads.
    func grant(_ count: Int) {
        executor.add { [self] _ in if !isClosed { give(count) } }
    }

    /// Gives the peer credit from its queue, and holds back what exceeds the window together with messages that wait for the
    /// disk.
    private func give(_ count: Int) {
        guard count > 0 else { return }
        guard let waiting = afterStore?.count, waiting > 0 else { return receiver.grant(count) }
        let now = min(count, max(0, context.options.creditWindow - waiting - receiver.credit))
        receiver.grant(now)
        heldCredit += count - now
    }

    /// Asks for unused credit, since other producers wait for credit (AMQP 1.0, 2.6.7: `drain`). Called on any of the broker's
    /// threads.
    func askForUnusedCredit() {
        executor.add { [self] _ in
            guard !isClosed else { return }
            try? receiver.drain(0)
            creditReturned()
        }
    }

    private func creditReturned() {
        guard let id, case .queue(let queue, _) = destination, receiver.takeDrainEnd() else { return }
        queue.noteReturn(of: id, credit: 0)
    }

    /// Gives credit when half of the window is used, if no queue counts it.
    private func grantOwn() {
        guard id == nil else { return }
        let window = context.options.creditWindow - (afterStore?.count ?? 0)
        guard credit <= context.options.creditWindow / 2, window > credit else { return }
        receiver.grant(window - credit)
        credit = window
    }

    // MARK: Messages

    /// A message, a part of a message, or a disposition has arrived.
    private func deliveryChanged(_ delivery: Delivery) {
        if let bytes = delivery.takeWholeBytes() { return receive(bytes, delivery) }
        switch delivery.arrival() {
        case .complete: receive(delivery.takeBytes(), delivery)
        case .aborted:
            delivery.settle()
            use()
        case .settled: delivery.settle()
        case .incomplete, .updated, .nothing: break
        }
    }

    /// Counts the credit of a message that no queue has taken.
    private func use() {
        if let id, case .queue(let queue, _) = destination {
            give(queue.use(id))
        } else {
            credit -= 1
            grantOwn()
        }
    }

    private func receive(_ bytes: [UInt8], _ delivery: Delivery) {
        do throws(MessageError) {
            let prefix = MessagePrefix(bytes)
            if let problem = prefix.problem(in: bytes) { throw MessageError(problem, isCreditUsed: false) }
            if delivery.hasRemoteState, try receiveWithState(bytes, delivery) { return }
            if let id, case .queue(let queue, _) = destination {
                let (grant, sequence) = try queue.receive(bytes, prefix, from: id)
                accept(delivery, after: sequence)
                if grant > 0 { give(grant) }
            } else {
                accept(delivery, after: try publish(bytes))
                use()
            }
        } catch {
            refuse(delivery, error)
        }
    }

    /// Handles a message with a transactional state, or with a message format other than 0.
    /// - Returns: whether it was handled.
    private func receiveWithState(_ bytes: [UInt8], _ delivery: Delivery) throws(MessageError) -> Bool {
        let format = delivery.messageFormat
        guard format == 0 else {
            let text = "Messages of the format \(format) are not taken: send single messages, of format 0."
            throw MessageError(Condition(.notImplemented, text), isCreditUsed: false)
        }
        guard case .transactional(let id, _)? = delivery.remoteState else { return false }
        try receive(bytes, delivery, in: id)
        return true
    }

    private func accept(_ delivery: Delivery, after sequence: UInt64) {
        if sequence > 0, let afterStore {
            afterStore.run(after: sequence) { delivery.acceptTakenAtOnce() }
        } else {
            delivery.acceptTakenAtOnce()
        }
    }

    /// Refuses a message: rejects it, or closes the link if the peer cannot be informed otherwise.
    private func refuse(_ delivery: Delivery, _ refusal: MessageError) {
        let address = destination.address
        note(refusal)
        if delivery.isSettled || !takesRejection {
            context.limitLog.note(.presettled, refusal.reason, address: address)
            delivery.settle()
            receiver.close(refusal.condition)
        } else {
            delivery.settleAtOnce(.rejected(refusal.condition))
            give(refusal.grant)
            if !refusal.isCreditUsed { use() }
        }
    }

    /// Logs that a limit was reached, or that the peer is not allowed to send.
    /// - Returns: whether it was one of them.
    @discardableResult
    private func note(_ refusal: MessageError) -> Bool {
        switch refusal.condition.name {
        case .resourceLimitExceeded: context.limitLog.note(.message, refusal.reason, address: destination.address)
        case .unauthorizedAccess:
            context.limitLog.note(
                .access, refusal.reason, address: nil, peer: receiver.connection.transport?.remoteAddress ?? "unknown")
        default: return false
        }
        return true
    }

    /// Takes a message for a link without its own queue.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    private func publish(_ bytes: [UInt8]) throws(MessageError) -> UInt64 {
        switch destination {
        case .queue(let queue, _): try queue.receive(bytes)
        case .topic(let topic): try topic.publish(bytes)
        case .relay:
            try context.table.withDestination(of: bytes, by: access, context) { destination throws(MessageError) in
                switch destination {
                case .queue(let queue): try queue.receive(bytes)
                case .topic(let address): try Topic(address, context.table.topics).publish(bytes)
                case .management: try request(bytes)
                }
            }
        }
    }

    /// Passes a request to the management node.
    /// - Returns: 0: the response is sent when the store has written the changes.
    private func request(_ bytes: [UInt8]) throws(MessageError) -> UInt64 {
        do throws(ConditionError) {
            try management.receive(bytes) {}
        } catch {
            throw MessageError(error.condition)
        }
        return 0
    }

    // MARK: Transactions

    /// Takes a message that its queue gets when a transaction commits (AMQP 1.0, 4.4.1).
    private func receive(
        _ bytes: [UInt8], _ delivery: Delivery, in id: [UInt8]
    ) throws(MessageError) {
        let transaction: Transaction
        do throws(ConditionError) {
            transaction = try transactions.find(id)
        } catch {
            throw MessageError(error.condition, isCreditUsed: false)
        }
        do throws(MessageError) {
            let grant = try post(bytes, in: transaction)
            delivery.settleAtOnce(.transactional(id: id, outcome: .accepted))
            if let grant { give(grant) } else { use() }
        } catch {
            transaction.fail(error.condition)
            if !note(error) { context.limitLog.note(.message, error.reason, address: destination.address) }
            // The outcome belongs to the transaction: the state contains its id.
            delivery.settleAtOnce(.transactional(id: id, outcome: .rejected(error.condition)))
            give(error.grant)
            if !error.isCreditUsed { use() }
        }
    }

    /// - Returns: the credit for the producer; nil if no queue counts it.
    private func post(_ bytes: [UInt8], in transaction: Transaction) throws(MessageError) -> Int? {
        switch destination {
        case .queue(let queue, _): return try transaction.post(bytes, to: queue, from: id)
        case .topic(let topic): try transaction.publish(bytes, to: topic)
        case .relay:
            try context.table.withDestination(of: bytes, by: access, context) { destination throws(MessageError) in
                switch destination {
                case .queue(let queue): _ = try transaction.post(bytes, to: queue, from: nil)
                case .topic(let address):
                    try transaction.publish(bytes, to: Topic(address, context.table.topics))
                case .management:
                    throw MessageError(
                        Condition(.notImplemented, "Requests to the management node are not for transactions."))
                }
            }
        }
        return nil
    }
}

extension ProducerLink: EventHandler {
    /// Handles deliveries directly, since they are frequent; other events go to the connection's handler.
    func handle(_ delivery: Delivery) { deliveryChanged(delivery) }

    func handle(_ event: EngineEvent) throws {
        switch event {
        case .link(.flow, _): creditReturned()
        case .link(.failed, _):
            context.limitLog.note(.message, "\(receiver.condition?.description ?? "")", address: destination.address)
        default: break
        }
        try receiver.connection.eventHandler.handle(event)
    }
}
