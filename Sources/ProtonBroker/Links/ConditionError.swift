// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A condition that a peer's request fails with.
struct ConditionError: Error {
    let condition: Condition

    init(_ condition: Condition) { self.condition = condition }

    init(_ name: Symbol, _ description: String) { condition = Condition(name, description) }

    /// Whether the broker could do it if it had more room.
    var isLimit: Bool { condition.name == .resourceLimitExceeded }

    /// Why, in words.
    var reason: String { condition.description ?? condition.name.name }
}

/// A condition that a message is refused with.
struct MessageError: Error {
    let condition: Condition
    /// How much credit its producer gets all the same.
    var grant = 0
    /// Whether the queue has counted the message's credit as used.
    var isCreditUsed = true

    init(_ condition: Condition, grant: Int = 0, isCreditUsed: Bool = true) {
        (self.condition, self.grant, self.isCreditUsed) = (condition, grant, isCreditUsed)
    }

    /// Why, in words.
    var reason: String { condition.description ?? condition.name.name }
}
