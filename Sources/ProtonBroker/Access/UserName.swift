// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The name of a user, compared byte by byte.
///
/// Swift strings are equal if their characters are, however they are encoded: two such names are two users.
struct UserName: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: UserName, right: UserName) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// The peer of a connection, as the broker knows it.
enum Principal: Hashable, Sendable {
    /// It has not authenticated: it omitted SASL, or used ANONYMOUS.
    case anonymous
    /// It has authenticated.
    case user(UserName)

    /// The name for peers that have not authenticated in rules; no user has it.
    static let anonymousName = "anonymous"

    /// - Parameters:
    ///   - user: the user of the SASL exchange; nil for none.
    ///   - isAuthenticated: whether a SASL exchange has succeeded.
    init(user: String?, isAuthenticated: Bool) {
        if isAuthenticated, let user, !user.isEmpty, user != Principal.anonymousName {
            self = .user(UserName(user))
        } else {
            self = .anonymous
        }
    }

    /// The peer's user; nil for an anonymous peer.
    var user: UserName? {
        switch self {
        case .anonymous: nil
        case .user(let name): name
        }
    }

    /// The name, for rules, errors and logs.
    var name: String { user?.text ?? Principal.anonymousName }
}
