// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

extension ProtonError {
    /// Creates the error for a TLS failure of a connection to `peer`.
    init(_ failure: TLSFailure, of peer: String, _ condition: Condition?) {
        self.init(
            failure.isInterruption ? .disconnected : .tlsFailed, "\(peer) \(failure.message)",
            condition: Condition(.tlsFailed, condition?.description ?? failure.message))
    }
}
