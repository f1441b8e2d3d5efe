// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

extension Deadline {
    /// Creates the deadline of a call from the time-out that the program passed.
    /// - Throws: `ProtonError.Code.invalidArgument` if the time-out is below zero, or is zero and the call does not allow that.
    init(of call: String, after timeout: Duration?, allowsZero: Bool = false) throws(ProtonError) {
        if let timeout, allowsZero ? timeout < .zero : timeout <= .zero {
            throw ProtonError(
                .invalidArgument,
                "\(call): the time-out is \(timeout): it must be \(allowsZero ? "zero or more" : "more than zero").")
        }
        self.init(after: timeout)
    }
}
