// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

extension Condition {
    /// The condition in messages for people and logs: `amqp:not-found: no such queue`, or only its name; escaped, and of limited
    /// length, since a peer may have sent it.
    var text: String {
        let text = description.map { "\(name): \($0)" } ?? "\(name)"
        return text.escapedForTerminal(upTo: 1_000)
    }
}
