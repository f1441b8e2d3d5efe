// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonEngine

extension BrokerOptions {
    /// Whether peers can log in, by a password or a certificate.
    var hasUsers: Bool { users != nil || asksForCertificates }

    private var asksForCertificates: Bool {
        switch tls?.clientCertificates {
        case .optional, .required: true
        case .notAsked, nil: false
        }
    }

    /// From where peers are taken that have not logged in.
    var anonymousPeers: Allowance { anonymous ?? (hasUsers ? .never : .onLoopback) }

    /// The users, with a guard in front of them; nil where there are none.
    func guardedUsers(_ clock: QueueClock, _ limitLog: LimitLog) -> GuardedUsers? {
        users.map { GuardedUsers($0, clock, limitLog, handshakeTimeout: connection.limits.handshakeTimeout) }
    }

    /// How the connections of a listener are taken.
    /// - Parameter isExposed: whether other machines reach it. Where they do not, peers without a log-in may leave SASL out,
    ///   as long as any such peer is taken.
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
