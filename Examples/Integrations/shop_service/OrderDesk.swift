// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Proton
import Synchronization

/// Sends orders, and follows what becomes of them.
final class OrderDesk: Sendable {
    /// What is known of an order.
    private enum Order {
        case sent
        case finished(String)
    }

    /// How many orders are kept; the oldest are forgotten.
    private static let maxOrders = 1_000
    /// The largest order that is taken, in bytes; one that is larger is answered with 413.
    private static let maxSize = 65_536

    private struct Orders {
        var orders: [String: Order] = [:]
        /// Their ids, the oldest first.
        var ids: [String] = []
        var count = 0
    }

    private let connection: AMQPConnection
    private let timeout: Duration
    private let orders = Mutex(Orders())

    init(_ connection: AMQPConnection, timeout: Duration) {
        (self.connection, self.timeout) = (connection, timeout)
    }

    /// Sends what a request brings as an order: 202 and its number, once the broker has it.
    func order(_ request: Request) async throws -> Response {
        let text = String(buffer: try await request.body.collect(upTo: OrderDesk.maxSize))
        guard !text.isEmpty else { return .text(.badRequest, "There is nothing to order.") }
        let id = add()
        var message = Message(body: text)
        message.id = .string(id)
        message.isDurable = true
        do {
            try await connection.send(message, to: "orders", timeout: timeout)
            return .text(.accepted, id)
        } catch AMQPSendError.inDoubt {
            return .text(.serviceUnavailable, "Whether order \(id) was sent is not known.")
        } catch is AMQPSendError {
            forget(id)
            return .text(.serviceUnavailable, "The order was not taken.")
        }
    }

    /// Says what is known of an order.
    func status(of id: String) -> Response {
        switch orders.withLock({ $0.orders[id] }) {
        case nil: .text(.notFound, "There is no order \(id).")
        case .sent: .text(.ok, "sent")
        case .finished(let result): .text(.ok, result)
        }
    }

    /// Takes the news of orders, by their correlation ids, until the connection ends or finishes receiving.
    func follow() async throws {
        try await connection.withReceiver(from: "orders.finished") { receiver in
            for try await delivery in receiver {
                if let id = delivery.message.correlationID?.stringValue {
                    let result = delivery.message.body.value.stringValue ?? "finished"
                    orders.withLock { if $0.orders[id] != nil { $0.orders[id] = .finished(result) } }
                }
                delivery.accept()
            }
        }
    }

    private func add() -> String {
        orders.withLock { orders in
            orders.count += 1
            let id = "order-\(orders.count)"
            if orders.ids.count == OrderDesk.maxOrders { orders.orders[orders.ids.removeFirst()] = nil }
            orders.ids.append(id)
            orders.orders[id] = .sent
            return id
        }
    }

    private func forget(_ id: String) {
        orders.withLock { orders in
            orders.orders[id] = nil
            orders.ids.removeAll { $0 == id }
        }
    }
}
