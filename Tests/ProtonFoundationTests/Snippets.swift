// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Proton
import ProtonFoundation

/// The snippets of ProtonFoundation.md, compiled.
private enum Snippets {
    struct Order: Codable {}

    static func sending(_ connection: AMQPConnection, _ order: Order, _ price: Decimal) async throws {
        var message = try Message(json: order)
        message.id = MessageID(UUID())
        message.creationTime = Timestamp(Date())
        message.properties["price"] = price
        try await connection.send(message, to: "orders")
    }

    static func receiving(_ connection: AMQPConnection) async throws {
        for try await delivery in connection.receiver(from: "orders") {
            let order = try delivery.message.json(as: Order.self)
            let price = delivery.message.properties["price"].flatMap { Decimal($0) }
            try store(order, price)
            delivery.accept()
        }
    }

    static func store(_ order: Order, _ price: Decimal?) throws {}
}
