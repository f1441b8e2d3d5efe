public import AMQP
import ProtonEngine

/// A sender whose `send` waits for the outcome; made by `BlockingConnection.createSender`.
///
/// From any thread; messages of several threads go out one after the other, and their outcomes are waited for at once.
public final class BlockingSender: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: BlockingLink<Outbox>

    init(_ link: BlockingLink<Outbox>, _ connection: BlockingConnection) {
        (self.link, self.connection) = (link, connection)
    }

    /// The address of the node that messages go to, as the peer says it is.
    public var address: String? { link.state.withLock(\.address) }

    /// Sends a message, and waits for its outcome, for the connection's time-out at most.
    /// - Parameter errorStates: outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcome; nil of a message that was sent settled (`.atMostOnce`), or settled without one.
    /// - Throws: as `send(_:timeout:errorStates:)`.
    @discardableResult
    public func send(_ message: Message, errorStates: OutcomeKinds = [.rejected, .released]) throws -> Outcome? {
        try send(message, timeout: connection.timeout, errorStates: errorStates)
    }

    /// Sends a message as soon as the peer gives credit, and waits for its outcome.
    /// - Parameters:
    ///   - timeout: how long that may take; nil is for ever.
    ///   - errorStates: outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcome; nil of a message that was sent settled (`.atMostOnce`), or settled without one.
    /// - Throws: `SendError`; `ProtonError`: `.timedOut`, whose message says whether the message has been sent, `.linkError`
    ///   where the peer closes the link, `.disconnected` and the like where the connection is lost before the outcome is
    ///   known, `.closed`; `CodecError` where the message cannot be encoded.
    @discardableResult
    public func send(
        _ message: Message, timeout: Duration?, errorStates: OutcomeKinds = [.rejected, .released]
    ) throws -> Outcome? {
        let outcome = try send(message, until: Deadline(after: timeout))
        if let outcome, errorStates.contains(outcome) { throw SendError(outcome) }
        return outcome
    }

    func send(_ message: Message, until deadline: Deadline) throws -> Outcome? {
        let number = try link.state.withLock { state throws(ProtonError) in
            try state.check()
            return state.traffic.add(message)
        }
        defer { link.state.withLock { $0.traffic.forget(number) } }
        try link.postToTraffic { outbox, link in
            if let sender = link as? Sender { outbox.sendable(sender) }
        }
        let result = try link.state.wait(until: deadline) { state throws(ProtonError) in
            if let result = state.traffic.result(of: number) { return result }
            try state.check()
            return nil
        }
        if let result { return try result.get() }
        throw link.state.withLock { $0.traffic.timeoutError(of: number, on: link.title) }
    }

    /// Closes the link, and waits until the peer has done so; sends of other threads end with `ProtonError.Code.closed`.
    /// - Throws: `ProtonError.Code.timedOut`.
    public func close() throws {
        try link.close(timeout: connection.timeout)
    }
}

/// The messages of a blocking sender: those that wait for credit, and those that wait for their outcome.
struct Outbox: BlockingTraffic {
    private enum Send {
        case waiting(Message)
        case sent
        case done(Result<Outcome?, any Error>)
    }

    private var sends: [UInt64: Send] = [:]
    /// Those that wait for credit, first come first sent; some may have been forgotten.
    private var order: [UInt64] = []
    private var numbers: [Delivery: UInt64] = [:]
    private var lastNumber: UInt64 = 0

    /// Adds a message to send.
    /// - Returns: its number.
    mutating func add(_ message: Message) -> UInt64 {
        lastNumber += 1
        sends[lastNumber] = .waiting(message)
        order.append(lastNumber)
        return lastNumber
    }

    /// What has become of a message; nil while it is not known.
    func result(of number: UInt64) -> Result<Outcome?, any Error>? {
        if case .done(let result) = sends[number] { result } else { nil }
    }

    /// Nobody waits for a message any more; where it has not been sent, it will not be.
    mutating func forget(_ number: UInt64) {
        guard case .waiting = sends.removeValue(forKey: number) else { return }
        order.removeAll { $0 == number }
    }

    func timeoutError(of number: UInt64, on title: String) -> ProtonError {
        if case .waiting = sends[number] {
            return ProtonError(.timedOut, "\(title): the peer gave no credit in time; the message was not sent.")
        }
        return ProtonError(
            .timedOut, "\(title): the message was sent, but the peer has not said in time what became of it.")
    }

    mutating func sendable(_ sender: Sender) {
        while sender.credit > 0, let number = order.first {
            order.removeFirst()
            guard case .waiting(let message) = sends[number] else { continue }
            do {
                let delivery = try sender.send(message)
                // Sent settled, it has no outcome to wait for.
                sends[number] = delivery.isSettled ? .done(.success(nil)) : .sent
                if !delivery.isSettled { numbers[delivery] = number }
            } catch {
                sends[number] = .done(.failure(error))
            }
        }
    }

    mutating func decided(_ delivery: Delivery) {
        guard let number = numbers.removeValue(forKey: delivery) else { return }
        let outcome = delivery.remoteState?.outcome
        delivery.settle()
        if sends[number] != nil { sends[number] = .done(.success(outcome)) }
    }

    mutating func interrupted(_ error: ProtonError) {
        for number in numbers.values where sends[number] != nil {
            sends[number] = .done(
                .failure(
                    ProtonError(
                        error.code, "\(error.message) What became of the message is not known.",
                        condition: error.condition, underlyingError: error)))
        }
        numbers = [:]
    }
}
