// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A message that an `AMQPReceiver` has handed out, until it is settled; from any task, also after the receiver's loop.
///
/// What is said of it first counts. It goes out with what else is said meanwhile, and nothing waits for that; where the
/// connection was lost since the message came it has no effect: the message comes again.
public struct AMQPDelivery: Sendable {
    /// The message.
    public let message: Message
    private let token: Incoming.Token?
    private let receiver: ReceiverLink
    /// Tells instruments of the settlement; nil where there are none.
    let observation: DeliveryObservation?

    init(
        _ message: Message, _ token: Incoming.Token?, _ receiver: ReceiverLink, _ observation: DeliveryObservation?
    ) {
        (self.message, self.token, self.receiver, self.observation) = (message, token, receiver, observation)
    }

    /// The body as a value of a type; see `AMQPDecoder`.
    /// - Throws: `DecodingError`: the message is still to be settled, as a rule by `reject`.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try message.body.decode(type)
    }

    /// Whether its sender had settled it as it was sent: there is nothing to say then.
    public var isSettled: Bool { token == nil }

    /// Accepts the message.
    public func accept() { settle(.accepted) }

    /// Rejects the message: it is invalid, and is not to come again.
    /// - Parameter condition: why, for its sender.
    public func reject(_ condition: Condition? = nil) { settle(.rejected(condition)) }

    /// Gives the message back, to be delivered again, here or to others.
    /// - Parameter delivered: whether this counts as a failed try to deliver it (modified), or not (released).
    public func release(delivered: Bool = false) {
        settle(delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    /// Says what becomes of the message: any outcome, or one in a transaction.
    public func settle(_ state: DeliveryState) {
        guard let token else { return }
        observation?.tell(state)
        receiver.settle(token, state)
    }

    /// Runs what the program does with the message, and tells the client's instruments of it: with traces the body runs in
    /// a span that continues the one of the message's sender.
    ///
    ///     for try await delivery in receiver {
    ///         try await delivery.process { try await work(on: delivery.message) }
    ///         delivery.accept()
    ///     }
    ///
    /// It settles nothing. `AMQPConnection.serve` does this itself.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
    @discardableResult
    public func process<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await receiver.link.process(message, body)
    }

    /// What names it to its receiver.
    var pending: Incoming.Token? { token }
}
