// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonEngine

extension BrokerOptions {
    /// Whether peers can authenticate, with a password or a certificate.
    var hasUsers: Bool { users != nil || asksForCertificates }

    private var asksForCertificates: Bool {
        switch tls?.clientCertificates {
        case .optional, .required: true
        case .notAsked, nil: false
        }
    }

    /// From where peers are accepted that have not authenticated.
    var anonymousPeers: Allowance { anonymous ?? (hasUsers ? .never : .onLoopback) }

    /// The users, behind a guard; nil if there are none.
    func guardedUsers(_ clock: QueueClock, _ limitLog: LimitLog) -> GuardedUsers? {
        users.map { GuardedUsers($0, clock, limitLog, handshakeTimeout: connection.limits.handshakeTimeout) }
    }

    /// The options of a listener's connections.
    /// - Parameter isExposed: whether other machines can connect. If they cannot, peers without authentication may omit SASL, as
    ///   long as any such peer is accepted.
    func connectionOptions(_ users: GuardedUsers?, isExposed: Bool) -> ConnectionOptions {
        var connection = connection
        if let users {
            connection.authentication = .required(users, allowsAnonymous: anonymousPeers)
        } else if isExposed || anonymousPeers == .never {
            connection.authentication = .anonymous(from: anonymousPeers)
        } else {
            connection.authentication = .anonymous
        }
        return connection
    }
}
