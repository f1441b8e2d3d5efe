// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Decides whether a connection is admitted, when its peer is known.
struct PeerAdmission {
    let anonymous: Allowance
    let limits: PeerLimits

    /// - Parameters:
    ///   - isLocal: whether the peer is on this machine.
    /// - Throws: if the peer has to authenticate first.
    func check(_ principal: Principal, isLocal: Bool) throws(ConditionError) {
        guard case .anonymous = principal else { return }
        switch anonymous {
        case .everywhere: return
        case .onLoopback where isLocal: return
        case .onLoopback:
            throw ConditionError(
                .unauthorizedAccess, "Peers of other machines have to log in: connect with a user and a password.")
        case .never:
            throw ConditionError(.unauthorizedAccess, "Peers have to log in: connect with a user and a password.")
        }
    }

    /// The error for a host with too many connections.
    var tooManyOfHost: ConditionError {
        ConditionError(
            .resourceLimitExceeded,
            "Your host has \(limits.connectionsPerHost ?? 0) connections, as many as it may: close one first.")
    }

    /// The error for a user with too many connections.
    var tooManyOfUser: ConditionError {
        ConditionError(
            .resourceLimitExceeded,
            "Your user has \(limits.connectionsPerUser ?? 0) connections, as many as it may: close one first.")
    }
}
