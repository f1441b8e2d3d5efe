// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The condition with which a peer's request fails.
struct ConditionError: Error {
    let condition: Condition

    init(_ condition: Condition) { self.condition = condition }

    init(_ name: Symbol, _ description: String) { condition = Condition(name, description) }

    /// Whether a limit is the reason.
    var isLimit: Bool { condition.name == .resourceLimitExceeded }

    /// The reason as text.
    var reason: String { condition.description ?? condition.name.name }
}

/// The condition with which a message is refused.
struct MessageError: Error {
    let condition: Condition
    /// The credit that its producer gets nevertheless.
    var grant = 0
    /// Whether the queue has counted the message's credit as used.
    var isCreditUsed = true

    init(_ condition: Condition, grant: Int = 0, isCreditUsed: Bool = true) {
        (self.condition, self.grant, self.isCreditUsed) = (condition, grant, isCreditUsed)
    }

    /// The reason as text.
    var reason: String { condition.description ?? condition.name.name }
}
