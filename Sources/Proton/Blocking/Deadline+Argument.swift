// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

extension Deadline {
    /// The end of a time-out that a program gives to a call.
    /// - Throws: `ProtonError.Code.invalidArgument` where it is below zero, or is zero and the call could do nothing then.
    init(of call: String, after timeout: Duration?, allowsZero: Bool = false) throws(ProtonError) {
        if let timeout, allowsZero ? timeout < .zero : timeout <= .zero {
            throw ProtonError(
                .invalidArgument,
                "\(call): the time-out is \(timeout): it must be \(allowsZero ? "zero or more" : "more than zero").")
        }
        self.init(after: timeout)
    }
}
