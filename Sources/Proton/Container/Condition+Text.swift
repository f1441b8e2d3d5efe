// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

extension Condition {
    /// The condition in messages for people and logs: `amqp:not-found: no such queue`, or its name alone; escaped, and of
    /// bounded length, since a peer may have said it.
    var text: String {
        let text = description.map { "\(name): \($0)" } ?? "\(name)"
        return text.escapedForTerminal(upTo: 1_000)
    }
}
