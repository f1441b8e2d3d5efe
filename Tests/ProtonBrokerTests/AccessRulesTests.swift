// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

struct AccessRulesTests {
    private static let text = """
        # who works here
        group staff alice bob
        group "night shift" carol
        allow @staff        send,receive,create  orders/#
        allow @"x"          send                 never

        allow billing       receive              orders/paid
        allow *             *                    inbox/${user}/#
        allow anonymous     receive              news/*
        allow "CN=a b,O=\\"x\\"" send            audit
        allow root          *                    #
        """

    /// Without the line that is wrong on purpose.
    private static var rules: AccessRules {
        get throws { try AccessRules(text.replacing("allow @\"x\"          send                 never\n", with: "")) }
    }

    @Test(arguments: [
        // A group.
        (AccessRules.Action.send, "orders/new", "alice" as String?, true),
        (.receive, "orders", "bob", true),
        (.create, "orders/a/b", "bob", true),
        (.manage, "orders/a", "bob", false),
        (.send, "order", "alice", false),
        (.send, "orders/new", "mallory", false),
        (.send, "orders/new", nil, false),
        // A group by its name is no user, and a user by the name of a group is in none.
        (.send, "orders/new", "staff", false),
        (.send, "orders/new", "@staff", false),
        // A user.
        (.receive, "orders/paid", "billing", true),
        (.receive, "orders/paid/x", "billing", false),
        (.send, "orders/paid", "billing", false),
        // Each user's own.
        (.receive, "inbox/alice", "alice", true),
        (.manage, "inbox/alice/x", "alice", true),
        (.receive, "inbox/bob", "alice", false),
        (.receive, "inbox/anonymous", nil, false),
        (.receive, "inbox/anonymous", "anonymous", true),
        (.receive, "inbox/", "", true),
        // Names are names, whatever they look like.
        (.receive, "inbox/alice", "*", false),
        (.receive, "inbox/*", "*", false),
        (.send, "inbox/*", "*", true),
        (.receive, "inbox/a/b", "a/b", false),
        (.receive, "inbox/e\u{301}", "\u{e9}", false),
        // Peers that have not logged in.
        (.receive, "news/a", nil, true),
        (.receive, "news/a/b", nil, false),
        (.receive, "news/a", "alice", false),
        // Quotes.
        (.send, "audit", "CN=a b,O=\"x\"", true),
        (.send, "audit", "CN=a", false),
        (.send, "anything/at/all", "root", true),
        (.send, "", "root", true),
    ]) func rulesAllow(_ action: AccessRules.Action, _ address: String, user: String?, isAllowed: Bool) throws {
        let rules = try AccessRulesTests.rules
        #expect(rules.allows(action, address, to: user) == isAllowed)
    }

    /// Whoever subscribes to a pattern has to be allowed all that it stands for.
    @Test(arguments: [
        ("topic/*", "topic/a", true), ("topic/*", "topic/*", true), ("topic/*", "topic/#", false),
        ("topic/*", "topic/a/#", false), ("topic/*", "#", false), ("topic/*", "*", false), ("topic/*", "*/a", false),
        ("topic/#", "topic/#", true), ("topic/#", "topic/*", true), ("topic/#", "topic/*/a", true),
        ("topic/#", "topic", true), ("topic/#", "*/a", false), ("topic/#", "#", false),
        ("topic/a", "topic/a", true), ("topic/a", "topic/*", false), ("topic/a", "topic/#", false),
        ("topic/*/a", "topic/*/a", true), ("topic/*/a", "topic/*/*", false), ("topic/*/a", "topic/b/#", false),
        ("#", "#", true), ("#", "a/*/#", true), ("*", "*", true), ("*", "#", false),
        // Before the end it stands for itself, in topics as here.
        ("a/#/b", "a/#/b", true), ("a/*/b", "a/#/b", true), ("a/#/b", "a/x/b", false),
    ]) func aPatternCoversAPattern(pattern: String, address: String, isCovered: Bool) throws {
        let rules = try AccessRules("allow * receive \(pattern)")
        #expect(rules.allows(.receive, address, to: nil) == isCovered)
    }

    @Test func noLineAllowsNothing() throws {
        let rules = try AccessRules("# nothing\n\n")
        #expect(!rules.allows(.send, "a", to: "alice") && !rules.allowAnything(to: .anonymous))
        let others = try AccessRules("allow alice send a\nallow * send b")
        #expect(others.allowAnything(to: .anonymous))
        #expect(try !AccessRules("allow alice send a").allowAnything(to: .anonymous))
    }

    @Test(arguments: [
        ("allow alice send", "line 1: must be: allow USER|@GROUP|* ACTION[,ACTION…]|* ADDRESSES"),
        ("\nallow alice send a b", "line 2: must be: allow"),
        ("allow alice sending a", "line 1: 'sending' is no action: those are send, receive, create, manage"),
        ("allow alice send, a", "line 1: '' is no action"),
        ("allow @staff send a", "line 1: is about the group 'staff', which no line declares"),
        ("group staff", "line 1: must be: group NAME USER…"),
        ("group @staff alice", "line 1: the group's name is '@staff': write it without @"),
        ("group staff @others", "line 1: '@others' is no user"),
        ("group staff *", "line 1: '*' is no user"),
        ("deny alice send a", "line 1: begins with 'deny': a line begins with allow, group or #"),
        ("allow alice send \"a", "line 1: a quote is not closed"),
        ("allow \"alice\"send a b", "line 1: a space is missing after a closing quote"),
        ("allow \"a\\x\" send a", "line 1: a backslash in quotes"),
        ("allow alice send \"\"", "line 1: the address pattern is empty"),
        ("allow \"\" send a", "line 1: the user's name is empty"),
        ("allow alice send a/${host}", "line 1: a variable is not known: the only one is ${user}"),
        ("allow alice send a/${user", "line 1: a variable is not known"),
        ("allow alice\u{1b}[2J send a b", "line 1: must be"),
    ]) func whatIsWrongIsSaidWithItsLine(text: String, problem: String) {
        let error = #expect(throws: ProtonError.self) { try AccessRules(text, source: "rules.txt") }
        #expect(error?.message.hasPrefix("rules.txt: \(problem)") == true, "\(error?.message ?? "")")
        #expect(error?.code == .invalidArgument && error?.message.contains("\u{1b}") == false)
    }

    @Test func aFileIsReadWithItsName() throws {
        let missing = #expect(throws: ProtonError.self) { try AccessRules(path: "/nonexistent/rules") }
        #expect(missing?.message.hasPrefix("/nonexistent/rules: cannot be read") == true)
        let lines = String(repeating: "\n", count: 20_000)
        #expect(throws: ProtonError.self) { try AccessRules(lines) }
    }

    /// A pattern without variables matches what a pattern of topics does: the two read the same.
    @Test func patternsAreThoseOfTopics() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        for _ in 0..<5_000 {
            func text(_ parts: [String]) -> String {
                (0..<Int.random(in: 1...4, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
                    .joined(separator: "/")
            }
            let (pattern, address) = (text(["a", "b", "*", "#", "x$"]), text(["a", "b", "*", "#", ""]))
            let rule = try AccessPattern(pattern)
            #expect(
                rule.matches(address, user: nil) == AddressPattern(pattern).matches(address),
                "\(pattern) \(address) \(seed)")
            // What a pattern covers as a pattern, it covers each of.
            guard rule.matches(address, user: nil, asPattern: true) else { continue }
            let other = text(["a", "b", "c", ""])
            if AddressPattern(address).matches(other) {
                #expect(rule.matches(other, user: nil), "\(pattern) covers \(address), and not \(other): \(seed)")
            }
        }
    }
}
