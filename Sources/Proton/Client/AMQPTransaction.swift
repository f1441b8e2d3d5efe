// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A transaction of an `AMQPConnection`, for the body of `withTransaction`; from any task, while the body runs.
///
/// Its messages and settlements take effect when the transaction is committed, and not at all otherwise (AMQP 1.0, 4.2).
public final class AMQPTransaction: Sendable {
    private let id: [UInt8]
    private let connection: AMQPConnection

    init(_ id: [UInt8], _ connection: AMQPConnection) {
        (self.id, self.connection) = (id, connection)
    }

    /// Sends a message, and waits for its outcome, which takes effect when the transaction is committed.
    /// - Throws: as `AMQPSender.send`; if the connection is lost, nothing of the transaction takes effect.
    @discardableResult
    public func send(_ message: Message, by sender: AMQPSender) async throws -> Outcome {
        try await sender.send(message, SendReceipt(), state: .transactional(id: id))
    }

    /// Sends a message to an address, as `send(_:by:)` does.
    @discardableResult
    public func send(_ message: Message, to address: String) async throws -> Outcome {
        try await send(message, by: connection.keptSender(to: address))
    }

    /// Accepts a message: it is delivered again if the transaction is not committed.
    public func accept(_ delivery: AMQPDelivery) { settle(delivery, .accepted) }

    /// Settles a message with an outcome, which takes effect when the transaction is committed.
    public func settle(_ delivery: AMQPDelivery, _ outcome: Outcome) {
        delivery.settle(.transactional(id: id, outcome: outcome))
    }
}
