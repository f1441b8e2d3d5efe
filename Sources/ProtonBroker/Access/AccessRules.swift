// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The access rules for the addresses of a broker; everything that no rule allows is refused.
///
///     let rules = try AccessRules(
///         """
///         group staff alice bob
///         allow @staff  send,receive,create  orders/#
///         allow billing receive              orders/paid
///         allow *       *                    inbox/${user}/#
///         """)
///
/// A line is empty, a comment that begins with `#`, or one of:
/// - `group NAME USER…`: a group of users, who may be in several; a group may have several lines.
/// - `allow WHO WHAT ADDRESSES`. WHO is a user, `@` and a group, `*` for every admitted peer, or `anonymous` for those that have
///   not authenticated. WHAT is one or more of ``Action``, separated by commas, or `*` for all. ADDRESSES is a pattern: the
///   segments of an address are separated by `/`, `*` stands for one of them, `#` at the end for any number, including none, and
///   `${user}` for the peer's user, so that a line gives each user its own addresses.
///
/// A word with spaces, such as the subject of a certificate, is written in double quotes, in which `\"` and `\\` are a quote and
/// a backslash. The order of the lines has no meaning. Names and addresses are compared byte by byte.
public struct AccessRules: Sendable, Hashable {
    /// An action of a peer at an address.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        /// To attach a link that sends there, and to send there over a link without an address (the anonymous relay).
        case send
        /// To attach a link that receives from there: to consume, to browse, to subscribe to a topic.
        ///
        /// A subscription to a pattern of topics needs a rule whose addresses include all of them.
        case receive
        /// To create a queue by attaching to an address without one, or to create a durable subscription to a topic.
        case create
        /// To use, and thereby also to end, a durable subscription of another user, and to manage nodes.
        ///
        /// To manage is to send requests to the management node, `$management`, which read, declare, change, purge and delete
        /// queues, and read, purge and delete subscriptions to a topic.
        ///
        /// At the address `$management` it is needed for the broker itself and its connections, and allows requests for all
        /// queues and subscriptions.
        case manage
    }

    enum Subject: Hashable, Sendable {
        case everybody
        case anonymous
        case user(UserName)
        case group(String)
    }

    struct Rule: Hashable, Sendable {
        let subject: Subject
        let actions: Set<Action>
        let pattern: AccessPattern
    }

    var rules: [Rule] = []
    var groups: [String: Set<UserName>] = [:]

    /// Creates rules from their text.
    /// - Parameters:
    ///   - text: the lines; without lines nothing is allowed.
    ///   - source: the name of the text in errors, such as the path of a file.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the wrong line.
    public init(_ text: String, source: String = "rules") throws {
        try parse(text, source)
    }

    /// Reads rules from a file of at most 1 MiB, in UTF-8.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file, and the wrong line.
    public init(path: String) throws {
        let bytes: [UInt8]
        do {
            bytes = try JSONFile.bytes(of: path).map(\.self)
        } catch {
            throw ProtonError(.invalidArgument, error.message)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ProtonError(.invalidArgument, "\(path): is not in UTF-8: save it as that.")
        }
        try parse(text, path)
    }

    /// Adds the rules and the groups of others; a group of the same name has the users of both.
    public mutating func add(_ others: AccessRules) {
        rules += others.rules
        groups.merge(others.groups) { $0.union($1) }
    }

    /// Whether a rule allows an action.
    /// - Parameters:
    ///   - action: the action.
    ///   - address: the address of the node; for `receive` it may be a pattern of topics, all of which have to be allowed.
    ///   - user: the user of the peer; nil is a peer that has not authenticated.
    public func allows(_ action: Action, _ address: String, to user: String?) -> Bool {
        allows(action, address, to: user.map { .user(UserName($0)) } ?? .anonymous)
    }

    func allows(_ action: Action, _ address: String, to principal: Principal) -> Bool {
        // A receiving peer may declare the address as a topic's with a capability.
        let asPattern = action != .send
        return rules.contains { rule in
            rule.actions.contains(action) && isAbout(rule, principal)
                && rule.pattern.matches(address, user: principal.user, asPattern: asPattern)
        }
    }

    /// Whether any action is allowed to a peer.
    /// - Parameter action: the action; nil is any action.
    func allowAnything(_ action: Action? = nil, to principal: Principal) -> Bool {
        rules.contains { rule in isAbout(rule, principal) && action.map { rule.actions.contains($0) } ?? true }
    }

    private func isAbout(_ rule: Rule, _ principal: Principal) -> Bool {
        switch (rule.subject, principal) {
        case (.everybody, _), (.anonymous, .anonymous): true
        case (.user(let name), .user(let user)): name == user
        case (.group(let name), .user(let user)): groups[name]?.contains(user) ?? false
        case (.anonymous, .user), (.user, .anonymous), (.group, .anonymous): false
        }
    }
}
