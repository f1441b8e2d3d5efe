// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton

/// What RabbitMQ does differently, which its attach does not say.
extension AMQPPeer {
    var isRabbitMQ: Bool { properties[.symbol("product")] == "RabbitMQ" }

    /// RabbitMQ 3 ends the session when it is asked to drain a queue of its default type.
    var isRabbitMQ3: Bool {
        isRabbitMQ && properties[.symbol("version")]?.stringValue?.hasPrefix("3.") == true
    }
}
