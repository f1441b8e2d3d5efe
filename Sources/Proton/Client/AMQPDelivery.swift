// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A message that an `AMQPReceiver` has handed out, until it is settled; from any task, also after the receiver's loop.
///
/// The first settlement counts. It is sent together with other settlements, and no call waits for that. If the connection was
/// lost after the message arrived, a settlement has no effect: the message is delivered again.
public struct AMQPDelivery: Sendable {
    /// The message.
    public let message: Message
    private let token: Incoming.Token?
    private let receiver: ReceiverLink
    /// Reports the settlement to instruments; nil if there are none.
    let observation: DeliveryObservation?

    init(
        _ message: Message, _ token: Incoming.Token?, _ receiver: ReceiverLink, _ observation: DeliveryObservation?
    ) {
        (self.message, self.token, self.receiver, self.observation) = (message, token, receiver, observation)
    }

    /// The body as a value of a type; see `AMQPDecoder`.
    /// - Throws: `DecodingError`: the message still has to be settled, usually by `reject`.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try message.body.decode(type)
    }

    /// Whether the sender sent the message settled: it cannot be settled here.
    public var isSettled: Bool { token == nil }

    /// Accepts the message.
    public func accept() { settle(.accepted) }

    /// Rejects the message: it is invalid, and must not be delivered again.
    /// - Parameter condition: the reason, for the sender.
    public func reject(_ condition: Condition? = nil) { settle(.rejected(condition)) }

    /// Releases the message, to be delivered again, to this receiver or to others.
    /// - Parameter delivered: whether this counts as a failed delivery (modified), or not (released).
    public func release(delivered: Bool = false) {
        settle(delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    /// Settles the message with any outcome, also one in a transaction.
    public func settle(_ state: DeliveryState) {
        guard let token else { return }
        observation?.tell(state)
        receiver.settle(token, state)
    }

    /// Runs the code that handles the message, and reports it to the client's instruments.
    ///
    /// With traces the body runs in a span that continues the span of the message's sender.
    ///
    ///     for try await delivery in receiver {
    ///         try await delivery.process { try await work(on: delivery.message) }
    ///         delivery.accept()
    ///     }
    ///
    /// It settles nothing. `AMQPConnection.serve` calls this itself.
    /// - Returns: the result of the body.
    /// - Throws: the error of the body.
    @discardableResult
    public func process<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await receiver.link.process(message, body)
    }

    /// Identifies the message to its receiver.
    var pending: Incoming.Token? { token }
}
