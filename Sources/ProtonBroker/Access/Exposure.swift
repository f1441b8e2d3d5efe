// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The security of the addresses that a broker listens on.
struct Exposure {
    /// A socket that the broker listens on.
    struct Listener {
        /// The address and the port.
        let address: String
        let hasTLS: Bool

        /// Whether other machines can connect: it is not bound to loopback only.
        var isExposed: Bool { !(PeerHost(address)?.isLoopback ?? false) }
    }

    let listeners: [Listener]
    /// Whether there are users that can authenticate.
    let hasUsers: Bool
    let anonymous: Allowance

    /// A warning for the log if the settings are insecure on a network; nil if they are not.
    var warning: String? {
        let exposed = listeners.filter(\.isExposed)
        guard !exposed.isEmpty else { return nil }
        let plain = exposed.filter { !$0.hasTLS }
        var parts: [String] = []
        if anonymous == .everywhere {
            parts.append("whoever reaches it may use this broker without a log-in")
        } else if !hasUsers {
            parts.append(
                anonymous == .never
                    ? "there are no users, so that no peer is taken at all"
                    : "there are no users, so that peers of other machines are refused, and those of this one are not")
        }
        if !plain.isEmpty, hasUsers || anonymous == .everywhere {
            let which = plain.count == exposed.count ? "" : " of \(Exposure.list(plain))"
            parts.append("without TLS whoever is on the way reads and changes all messages\(which)")
        }
        guard !parts.isEmpty else { return nil }
        return "listens for other machines on \(Exposure.list(exposed)): \(parts.joined(separator: "; "))"
    }

    private static func list(_ listeners: [Listener]) -> String {
        listeners.map(\.address).joined(separator: ", ")
    }
}
