// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton

/// Whether a broker shows messages and leaves them where they are (distribution mode copy, AMQP 1.0, 3.5.7).
enum Browsing {
    /// Looks at what the peer has made of a receiver that was attached to browse, before it gets credit.
    /// - Throws: `ToolError` where messages would be taken away.
    static func check(_ receiver: AMQPReceiver, _ peer: AMQPPeer?) throws {
        // RabbitMQ takes messages away, whatever its attach says.
        let isRabbitMQ = peer?.isRabbitMQ == true
        guard receiver.distributionMode != .copy || isRabbitMQ else { return }
        throw ToolError(
            .refused,
            "\(isRabbitMQ ? "RabbitMQ" : "The broker") does not browse \(receiver.address ?? "the address"): it would take the messages away. "
                + "'amqp receive --no-accept' shows messages and gives them back.")
    }
}
