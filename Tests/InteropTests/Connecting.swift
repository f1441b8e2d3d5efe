// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// How connections are made.
    static let connecting: [Feature] = [
        Feature("connect: SASL ANONYMOUS", needed: .all) { peer in
            try peer.connect(ConnectionOptions(allowedMechanisms: ["ANONYMOUS"], reconnect: nil)).close()
            return ""
        },
        Feature("connect: SASL PLAIN", needed: [.rabbitMQ3, .rabbitMQ4]) { peer in
            let options = ConnectionOptions(allowedMechanisms: ["PLAIN"], reconnect: nil)
            try peer.connect(options, user: "guest:guest").close()
            return ""
        },
        Feature("connect: a wrong password gives a clear error", needed: .all) { peer in
            let options = ConnectionOptions(allowedMechanisms: ["PLAIN"], reconnect: nil)
            do {
                try peer.connect(options, user: "guest:wrong").close()
            } catch let error as ProtonError where error.code == .authenticationFailed {
                return "\"\(error.message)\""
            }
            throw Lacking("takes any password")
        },
        Feature("connect: without SASL", needed: [.c, .cpp, .python, .swift]) { peer in
            try peer.connect(ConnectionOptions(usesSASL: false, reconnect: nil)).close()
            return ""
        },
    ]
}
