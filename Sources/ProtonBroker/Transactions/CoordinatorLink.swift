import Proton

/// A link to the coordinator of transactions: begins them and ends them, as its peer asks with messages (AMQP 1.0, 4.2).
final class CoordinatorLink {
    private let receiver: Receiver
    private let transactions: Transactions
    private let limitLog: LimitLog
    /// What is done once it is on disk.
    private var deferred: DeferredSettlements?

    /// How many requests the peer may send ahead.
    private static let window = 100

    /// What the coordinator can do (AMQP 1.0, 4.5.2): transactions of one broker, several at once, over all links and
    /// sessions of a connection.
    static let capabilities: [Symbol] = [
        "amqp:local-transactions", "amqp:multi-txns-per-ssn", "amqp:multi-ssns-per-txn",
    ]

    init(_ receiver: Receiver, _ transactions: Transactions, broker: BrokerCore) {
        self.receiver = receiver
        self.transactions = transactions
        limitLog = broker.limitLog
        if let progress = broker.storeProgress {
            let home = LinkHome(receiver, isOnlyThread: broker.options.threads == 1)
            deferred = DeferredSettlements(progress, home: home) {}
        }
    }

    func topUp() {
        if receiver.credit <= CoordinatorLink.window / 2 { receiver.grant(CoordinatorLink.window - receiver.credit) }
    }

    private func deliveryChanged(_ delivery: Delivery) {
        switch delivery.arrival() {
        case .complete:
            do throws(Refusal) {
                let (answer, ticket) = try answer(to: delivery.takeBytes())
                if ticket.isNone { delivery.settle(answer) } else { deferred?.settle(delivery, answer, after: ticket) }
            } catch {
                delivery.settle(.rejected(error.condition))
                if error.isLimit { limitLog.note(.transaction, error.reason, address: nil) }
            }
            topUp()
        case .aborted, .settled: delivery.settle()
        case .incomplete, .updated, .nothing: break
        }
    }

    /// Does what a message asks for.
    private func answer(to bytes: [UInt8]) throws(Refusal) -> (DeliveryState, StoreTicket) {
        switch CoordinatorRequest(bytes) {
        case .declare: return (.declared(id: try transactions.declare(by: self)), StoreTicket())
        case .discharge(let id, let fails):
            return (.accepted, try transactions.discharge(id, by: self, fails: fails))
        case nil:
            throw Refusal(.notImplemented, "A coordinator takes declare, without a global id, and discharge.")
        }
    }

    /// The link is over, and what it has not ended with it.
    func end() {
        deferred?.end()
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

/// What a message to the coordinator asks for.
private enum CoordinatorRequest {
    case declare
    case discharge(id: [UInt8], fails: Bool)

    /// Reads the body of a message: a described list (AMQP 1.0, 4.5.3 and 4.5.4); nil for what is none of these.
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
