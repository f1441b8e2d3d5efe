import AMQP
import ProtonEngine

/// The messages of a blocking receiver: those that have come, no more than the peer had credit for, and those that were
/// received and wait for their outcome.
///
/// What the peer sent settled is nowhere else: it stays here also where the link or the connection ends.
struct Inbox: BlockingTraffic {
    /// What has come and waits for a call.
    private enum Arrival {
        /// A message; its number is that of a delivery that can be settled.
        case unsettled(Message, number: UInt64)
        case settled(Message)
        case invalid(ProtonError)

        /// The number of a delivery that can be settled.
        var number: UInt64? {
            if case .unsettled(_, let number) = self { number } else { nil }
        }
    }

    /// How many messages may come ahead.
    let window: Int
    /// How many calls wait for a message now.
    var wanted = 0
    private var arrivals: [Arrival] = []
    private var unsettled: [UInt64] = []
    /// Whether a message was received that its sender had settled.
    private(set) var hasSeenSettled = false
    private var deliveries: [UInt64: Delivery] = [:]
    private var lastNumber: UInt64 = 0

    init(window: Int) {
        self.window = window
    }

    var isEmpty: Bool { arrivals.isEmpty }

    /// Takes what has come first.
    mutating func pop() -> Result<Message, ProtonError>? {
        guard !arrivals.isEmpty else { return nil }
        switch arrivals.removeFirst() {
        case .unsettled(let message, let number):
            unsettled.append(number)
            return .success(message)
        case .settled(let message):
            hasSeenSettled = true
            return .success(message)
        case .invalid(let error): return .failure(error)
        }
    }

    mutating func takeUnsettled() -> UInt64? {
        unsettled.isEmpty ? nil : unsettled.removeFirst()
    }

    mutating func settle(_ number: UInt64, _ outcome: DeliveryState) {
        deliveries.removeValue(forKey: number)?.settle(outcome)
    }

    /// Gives the peer credit: one for each call that waits, and up to the window when half of it is used up.
    func topUp(_ link: Link) {
        guard let receiver = link as? Receiver, receiver.isLocalOpen else { return }
        let expected = receiver.credit + arrivals.count
        guard expected < wanted || expected <= window / 2 else { return }
        receiver.grant(max(window, wanted) - expected)
    }

    mutating func opened(_ link: Link) {
        topUp(link)
    }

    mutating func arrived(_ message: Message, _ delivery: Delivery) {
        guard !delivery.isSettled else {
            delivery.settle()
            arrivals.append(.settled(message))
            return
        }
        lastNumber += 1
        deliveries[lastNumber] = delivery
        arrivals.append(.unsettled(message, number: lastNumber))
    }

    mutating func refused(_ error: ProtonError) { arrivals.append(.invalid(error)) }

    mutating func giveBack() {
        let unseen = Set(arrivals.compactMap(\.number))
        for (number, delivery) in deliveries.sorted(by: { $0.key < $1.key }) {
            if unseen.contains(number) { delivery.settle(.released) } else { delivery.release() }
        }
        deliveries = [:]
    }

    mutating func interrupted(_ error: ProtonError) {
        ended(error)
        deliveries = [:]
    }

    mutating func ended(_ error: ProtonError) {
        // The peer sends again what was not settled. Outcomes that were given are on their way.
        arrivals.removeAll { $0.number != nil }
    }

    mutating func discard() {
        arrivals = []
    }
}
