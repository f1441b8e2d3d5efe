// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A link to the transaction coordinator: its peer begins and ends transactions with messages (AMQP 1.0, 4.2).
///
/// `@unchecked Sendable`: it is used in its connection's domain only.
final class CoordinatorLink: @unchecked Sendable {
    private let receiver: Receiver
    private let executor: WorkQueue
    private let transactions: TransactionTable
    private let limitLog: LimitLog
    private var isClosed = false

    /// The maximum credit of the peer.
    private static let window = 100

    /// The coordinator's capabilities (AMQP 1.0, 4.5.2): transactions of one broker, several at a time, over all links and
    /// sessions of a connection.
    static let capabilities: [Symbol] = [
        "amqp:local-transactions", "amqp:multi-txns-per-ssn", "amqp:multi-ssns-per-txn",
    ]

    init(_ receiver: Receiver, _ transactions: TransactionTable, _ context: BrokerContext) {
        self.receiver = receiver
        self.transactions = transactions
        executor = receiver.connection.workQueue
        limitLog = context.limitLog
    }

    func topUp() {
        if receiver.credit <= CoordinatorLink.window / 2 { receiver.grant(CoordinatorLink.window - receiver.credit) }
    }

    private func deliveryChanged(_ delivery: Delivery) {
        switch delivery.arrival() {
        case .complete:
            do throws(ConditionError) {
                try answer(delivery, to: delivery.takeBytes())
            } catch {
                refuse(delivery, error)
            }
            topUp()
        case .aborted, .settled: delivery.settle()
        case .incomplete, .updated, .nothing: break
        }
    }

    private func refuse(_ delivery: Delivery, _ refusal: ConditionError) {
        delivery.settle(.rejected(refusal.condition))
        if refusal.isLimit { limitLog.note(.transaction, refusal.reason, address: nil) }
    }

    /// Executes the request in a message.
    private func answer(_ delivery: Delivery, to bytes: [UInt8]) throws(ConditionError) {
        switch CoordinatorRequest(bytes) {
        case .declare: delivery.settle(.declared(id: try transactions.declare(by: self)))
        case .discharge(let id, let fails):
            // A commit is answered when it is on disk, on a thread of the store.
            nonisolated(unsafe) let discharge = delivery
            try transactions.discharge(id, by: self, fails: fails) { [self] in
                executor.add { [self] _ in if !isClosed { discharge.settle(.accepted) } }
            }
        case nil:
            throw ConditionError(.notImplemented, "A coordinator takes declare, without a global id, and discharge.")
        }
    }

    /// The link has ended: its open transactions are rolled back.
    func end() {
        isClosed = true
        transactions.end(self)
    }
}

extension CoordinatorLink: EventHandler {
    func handle(_ event: EngineEvent) throws {
        if case .delivery(let delivery) = event {
            deliveryChanged(delivery)
        } else {
            try receiver.connection.eventHandler.handle(event)
        }
    }
}

/// A request to the coordinator.
private enum CoordinatorRequest {
    case declare
    case discharge(id: [UInt8], fails: Bool)

    /// Decodes the body of a message: a described list (AMQP 1.0, 4.5.3 and 4.5.4); nil for any other body.
    init?(_ bytes: [UInt8]) {
        guard let message = try? Message(decoding: bytes), case .value(.described(let request)) = message.body,
            case .list(let fields) = request.value
        else { return nil }
        switch request.descriptor {
        case .ulong(0x31), .symbol("amqp:declare:list"):
            guard fields.first?.isNull ?? true else { return nil }
            self = .declare
        case .ulong(0x32), .symbol("amqp:discharge:list"):
            guard case .binary(let id)? = fields.first else { return nil }
            self = .discharge(id: id, fails: fields.count > 1 ? fields[1].boolValue ?? false : false)
        default: return nil
        }
    }
}
