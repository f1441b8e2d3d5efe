// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonBroker

/// A message as selectors see it, made of its parts.
struct Subject: SelectorSubject {
    var properties: ApplicationProperties = [:]
    var annotations: Annotations = [:]
    var fields: [SelectorField: SelectorValue] = [:]

    func applicationProperty(_ name: String) -> AMQPValue? { properties[name] }
    func annotation(_ key: AnnotationKey) -> AMQPValue? { annotations[key] }
    func field(_ field: SelectorField) -> SelectorValue { fields[field] ?? .null }
}

/// The selector language: what each construct means, and what is refused where.
struct SelectorTests {
    private static let subject = Subject(
        properties: [
            "colour": "green", "weight": 5, "price": 2.5, "ok": true, "bad": false, "quote": "it's", "none": .null,
            "small": .ubyte(7), "big": .ulong(.max), "symbol": .symbol("s"), "list": [1], "key": "a%b_c",
            "größe": "ß", "x-y": 1, "a.b": 2, "double": .double(1e300), "my-prop": "a", "x-opt-n": 5, "is-ok": true,
            "binary": .binary([1]), "m.size": 9, "JMS_X": 1, "JMSXState": 2, "level-2": "low",
        ],
        annotations: ["x-opt-offset": "5", "x-opt-sequence-number": 7, "plain": true],
        fields: [.priority: .exact(4), .subject: .string("news"), .deliveryMode: .string("PERSISTENT")])

    @Test(arguments: [
        ("colour = 'green'", true), ("colour = 'red'", false), ("colour <> 'red'", true), ("quote = 'it''s'", true),
        ("weight = 5", true), ("weight = 5.0", true), ("weight <> 5", false), ("weight < 6", true),
        ("weight <= 5", true), ("weight > 5", false), ("weight >= 5", true), ("5 = weight", true),
        ("price > 2 AND price < 3", true), ("small = 7", true), ("big > 9223372036854775807", true),
        ("ok", true), ("bad", false), ("NOT bad", true), ("ok = TRUE", true), ("ok <> bad", true),
        ("ok AND bad", false),
        ("ok OR bad", true), ("bad or Not bad aNd ok", true), ("NOT (ok AND bad)", true), ("(((ok)))", true),
        // AND binds more than OR, NOT more than AND.
        ("ok OR bad AND bad", true), ("NOT bad AND bad", false), ("(ok OR bad) AND bad", false),
        // Arithmetic.
        ("weight + 1 = 6", true), ("1 + 2 * 3 = 7", true), ("(1 + 2) * 3 = 9", true), ("7 / 2 = 3", true),
        ("7 / 2.0 = 3.5", true), ("-weight = -5", true), ("- - weight = 5", true), ("+weight = 5", true),
        ("10 - 3 - 2 = 5", true), ("weight * price = 12.5", true), ("weight - -1 = 6", true),
        ("9223372036854775807 + 1 > 9223372036854775807", false), ("9223372036854775807 * 4 > 9e18", true),
        ("-9223372036854775808 / -1 > 9e18", true), ("-9223372036854775808 < 0", true), ("double * double > 0", true),
        // Numbers.
        ("0x1F = 31", true), ("57L = 57", true), ("7. = 7", true), (".5 = 0.5", true), ("-57.9E2 = -5790", true),
        ("7e3 = 7000", true), ("7.e3 = 7000", true), ("1.5f = 1.5", true), ("2D = 2", true), ("1e-2 = 0.01", true),
        // BETWEEN, IN, LIKE, IS NULL.
        ("weight BETWEEN 5 AND 5", true), ("weight BETWEEN 6 AND 9", false), ("weight NOT BETWEEN 6 AND 9", true),
        ("weight BETWEEN 1 + 1 AND 2 * 3 AND ok", true), ("colour IN ('red', 'green')", true),
        ("colour NOT IN ('red')", true), ("colour IN ('red')", false), ("weight IN (-5, 5)", true),
        ("weight IN ('5')", false), ("colour LIKE 'gr%'", true), ("colour LIKE '_reen'", true),
        ("colour LIKE 'gr'", false), ("colour NOT LIKE '%e_'", false), ("colour LIKE '%'", true),
        ("key LIKE 'a\\%b\\_c' ESCAPE '\\'", true), ("key LIKE 'a!%b%' ESCAPE '!'", true),
        ("colour LIKE '%\\_%' ESCAPE '\\'", false), ("none IS NULL", true), ("missing IS NULL", true),
        ("colour IS NULL", false), ("colour IS NOT NULL", true), ("list IS NULL", false),
        // Names.
        ("größe = 'ß'", true), ("\"x-y\" = 1", true), ("a.b = 2", true), ("symbol = 's'", true),
        ("JMSPriority = 4", true), ("amqp.priority = 4", true), ("JMSType = 'news'", true),
        ("amqp.subject LIKE 'n%'", true), ("JMSDeliveryMode = 'PERSISTENT'", true), ("JMSMessageID IS NULL", true),
        ("JMSXDeliveryCount IS NULL", true), ("\"amqp.group-id\" IS NULL", true),
        // No match, and no error, of null.
        ("colour + 1 = 2", false), ("NOT colour + 1 = 2", false), ("NOT colour", false), ("colour", false),
        ("missing = 1", false), ("missing <> 1", false), ("NOT missing = 1", false),
        // Annotations, and fields with the name of their section.
        ("amqp.annotation.x-opt-offset = '5'", true), ("amqp.annotation.x-opt-offset = 5", false),
        ("amqp.annotation.x-opt-sequence-number > 6", true), ("amqp.annotation.x_opt_offset IS NULL", true),
        ("m.x-opt-offset = '5'", true), ("\"m.x-opt-offset\" = '5'", true), ("m.plain", true), ("m.none IS NULL", true),
        ("m.size = 9", true), ("amqp.annotation.size IS NULL", true), ("amqp.header.priority = 4", true),
        ("amqp.properties.subject = 'news'", true), ("amqp.message-id IS NULL", true),
        ("amqp.properties.reply-to-group-id IS NULL", true), ("amqp.properties.message_id IS NULL", true),
        ("JMS_X = 1", true), ("JMSXState = 2", true),
        // Names with hyphens, where a difference makes no sense.
        ("my-prop = 'a'", true), ("my-prop = 'b'", false), ("my-prop <> 'b'", true), ("'a' = my-prop", true),
        ("\"my-prop\" = 'a'", true), ("my-prop LIKE 'a%'", true), ("my-prop NOT LIKE 'a%'", false),
        ("my-prop IN ('a', 'b')", true), ("my-prop NOT IN ('b')", true), ("my-prop IS NOT NULL", true),
        ("is-ok", true), ("NOT is-ok", false), ("is-ok = TRUE", true), ("is-ok AND my-prop = 'a'", true),
        ("(my-prop) = 'a'", true), ("in-stock IS NULL", true),
        ("is-ok = TRUE OR like-count IN ('x')", true), ("level-2 = 'low'", true), ("no-such IS NULL", true),
        ("\"x-opt-n\" > 4", true), ("weight - price = 2.5", true), ("weight -price = 2.5", true),
        ("weight - 1 = 4", true), ("weight BETWEEN 1 AND-1 * -9", true),
        ("\tweight\n=\r5 ", true),
    ])
    func means(_ text: String, _ isMatch: Bool) throws {
        #expect(try Selector(text).matches(SelectorTests.subject) == isMatch)
    }

    /// Where an error is, the first character being 1, and a word of what it says.
    @Test(arguments: [
        ("", 1, "value is expected"), ("   ", 4, "value"), ("a =", 4, "value"), ("a = 1 b", 7, "not expected"),
        ("a == 1", 4, "value"), ("(a = 1", 7, "')' is expected"), ("a = 1)", 6, "not expected"),
        ("a = 'x", 5, "not closed"), ("\"a = 1", 1, "not closed"), ("a ! b", 3, "no meaning"),
        ("a = #1", 5, "no meaning"), ("a AND", 6, "value"), ("OR a", 1, "value"), ("a NOT b", 7, "behind NOT"),
        ("a IS 1", 6, "'NULL' is expected"), ("a BETWEEN 1", 12, "'AND'"), ("a BETWEEN 1 OR 2", 13, "'AND'"),
        ("a IN 1", 6, "'('"), ("a IN ()", 7, "value"), ("a IN (b)", 7, "texts and numbers"), ("a IN (1", 8, "')'"),
        ("a LIKE 1", 8, "in quotes"), ("a LIKE 'x' ESCAPE 'yy'", 19, "one character"),
        ("a LIKE 'x' ESCAPE ''", 19, "one character"), ("a LIKE 'x!y' ESCAPE '!'", 8, "escape character"),
        ("a LIKE 'x!' ESCAPE '!'", 8, "escape character"), ("5", 1, "no condition"), ("'a'", 1, "no condition"),
        ("a AND 5", 7, "no condition"), ("5 OR a", 1, "no condition"), ("NOT 'x'", 5, "no condition"),
        ("a + 1", 1, "no condition"), ("a = 1 + 'b'", 9, "no number"), ("-'b' = a", 1, "no number"),
        ("-TRUE = a", 1, "no number"), ("5x = a", 1, "no number"), ("1e = a", 1, "no number"),
        ("0x = a", 1, "no number"),
        ("1e999 = a", 1, "no number"), ("99999999999999999999 = a", 1, "too large"),
        ("9223372036854775808 = a", 1, "too large"), ("a = b = c", 7, "not expected"), ("größe = ?", 9, "no meaning"),
        // Texts and booleans have no order.
        ("a > 'x'", 5, "no order"), ("'x' <= a", 1, "no order"), ("a < TRUE", 5, "no order"),
        ("a BETWEEN 'x' AND 5", 11, "no order"), ("a BETWEEN 1 AND 'x'", 17, "no order"),
        ("a = 1 OR FALSE BETWEEN 1 AND 2", 10, "no order"), ("(a = 1) > 2", 1, "no number"),
        ("amqp.annotation.x-opt-offset > '1'", 32, "no order"),
        // Names with hyphens, where a difference makes sense.
        ("x-opt-n > 4", 1, "in double quotes"), ("4 < x-opt-n", 5, "in double quotes"),
        ("ok AND x-y = 1", 8, "in double quotes"), ("x-y <> z", 1, "in double quotes"),
        ("a = x-y", 5, "in double quotes"), ("x-y + 1 = 2", 1, "in double quotes"), ("-x-y = 1", 2, "in double quotes"),
        ("x-y BETWEEN 1 AND 2", 1, "in double quotes"), ("a BETWEEN x-y AND 2", 11, "in double quotes"),
        ("x-y IN ('a', 1)", 1, "in double quotes"), ("(x-y) = 1", 2, "in double quotes"),
        ("weight-1 = 4", 1, "in double quotes"), ("größe-1 = 4", 1, "\\u{F6}"),
        // A calculation where only a name makes sense, such as a name that begins with a word of the language.
        ("not-found = 'x'", 4, "not a calculation"), ("not-found IS NULL", 4, "not a calculation"),
        ("a + 1 = 'x'", 1, "not a calculation"), ("TRUE = -a", 8, "not a calculation"),
        ("a + 1 LIKE 'x'", 1, "not a calculation"), ("a - 1 IN ('x')", 1, "not a calculation"),
        ("weight / 0 IS NULL", 1, "not a calculation"), ("not-found", 4, "no condition"),
        // Reserved names that name nothing.
        ("amqp.foo = 1", 1, "'amqp.foo' is reserved"), ("a = 1 AND amqp.message = 'x'", 11, "reserved"),
        ("amqp.header.subject = 'x'", 1, "reserved"), ("amqp.properties.priority = 1", 1, "reserved"),
        ("amqp. = 1", 1, "reserved"), ("amqp.annotation = 1", 1, "reserved"), ("amqp.annotation. = 1", 1, "reserved"),
        ("amqp.annotation.größe = 1", 1, "reserved"), ("\"amqp.foo\" = 1", 1, "reserved"),
        ("amqp.priority-1 = 3", 1, "reserved"), ("JMSFoo = 1", 1, "reserved"), ("JMSDeliveryTime > 5", 1, "reserved"),
    ])
    func refuses(_ text: String, _ position: Int, _ reason: String) {
        let error = #expect(throws: SelectorError.self) { try Selector(text) }
        #expect(error?.position == position)
        #expect(error?.reason.contains(reason) == true, "\(error as Any)")
    }

    @Test func isBounded() throws {
        let deepest = SelectorParser.maxDepth
        for (open, close) in [("(", ")"), ("NOT ", ""), ("(NOT ", ")"), ("-(", ")")] {
            let isNumber = open == "-("
            func text(_ depth: Int) -> String {
                let inner = String(repeating: open, count: depth) + "a" + String(repeating: close, count: depth)
                return isNumber ? inner + " = 1" : inner
            }
            let levels = open.count { $0 == "(" || $0 == "N" || $0 == "-" }
            _ = try Selector(text(deepest / levels))
            #expect(throws: SelectorError.self) { try Selector(text(deepest / levels + 1)) }
        }
        // A long chain is not a deep one.
        let chain = Array(repeating: "ok", count: 1_000).joined(separator: " AND ")
        #expect(try Selector(chain).matches(SelectorTests.subject))
        let sum = "0 + " + Array(repeating: "1", count: 2_000).joined(separator: "+") + " = 2000"
        #expect(try Selector(sum).matches(SelectorTests.subject))
        let error = #expect(throws: SelectorError.self) { try Selector(String(repeating: "a", count: 8_193)) }
        #expect(error?.reason.contains("longer than") == true)
    }

    // MARK: Three-valued logic

    /// True, false and unknown, in this order.
    private static let operands = ["t", "f", "u"]
    private static let truths: [String: Bool] = ["t": true, "f": false]

    /// The value of a condition that may be unknown: neither it nor its negation is true.
    private func truth(_ text: String) throws -> Bool? {
        let subject = Subject(properties: ["t": true, "f": false, "s": "x", "n": 5, "o": .binary([1])])
        if try Selector(text).matches(subject) { return true }
        return try Selector("NOT (\(text))").matches(subject) ? false : nil
    }

    @Test func andOrAndNotFollowTheTables() throws {
        let and: [[Bool?]] = [[true, false, nil], [false, false, false], [nil, false, nil]]
        let or: [[Bool?]] = [[true, true, true], [true, false, nil], [true, nil, nil]]
        for (row, left) in SelectorTests.operands.enumerated() {
            for (column, right) in SelectorTests.operands.enumerated() {
                #expect(try truth("\(left) AND \(right)") == and[row][column], "\(left) AND \(right)")
                #expect(try truth("\(left) OR \(right)") == or[row][column], "\(left) OR \(right)")
            }
            #expect(try truth("NOT \(left)") == SelectorTests.truths[left].map { !$0 })
            #expect(try truth("\(left) IS NULL") == (left == "u"))
        }
    }

    @Test(arguments: [
        "u = 1", "u <> 1", "u < 1", "u = u", "u + 1 = 2", "-u = 1", "u BETWEEN 1 AND 2", "1 BETWEEN u AND 2",
        "u IN (1)", "u NOT BETWEEN 1 AND 2", "1 NOT BETWEEN u AND 2",
        "u NOT IN (1)", "u LIKE '%'", "u NOT LIKE 'x'", "1 / 0 = 1", "s + 1 = 2", "-s = 2", "s", "o",
    ])
    func isUnknown(_ text: String) throws {
        #expect(try truth(text) == nil)
    }

    /// A comparison of unlike types is false, not unknown, so that NOT of it is true (JMS 2.0, 3.8.1.2).
    @Test(arguments: [
        "s = 5", "s <> 5", "s < 5", "s >= 5", "5 = s", "n = 'x'", "n <> 'x'", "t = 1", "t <> 1", "t = 'x'", "s = TRUE",
        "s > n", "t < f", "s < s", "s BETWEEN 1 AND 9", "n BETWEEN s AND 9", "s IN (5)", "s IN ('y', 5, TRUE)",
        "n IN ('5')", "n LIKE '5'", "t LIKE '%'", "o = 'x'", "o <> 'x'", "o = 1", "o = o", "o <> o", "o LIKE '%'",
        "o IN ('x')", "o BETWEEN 1 AND 2", "'a' = 1", "o IS NULL", "s IS NULL",
        // It is `s < 1 OR s > 9`, and so false too.
        "s NOT BETWEEN 1 AND 9",
    ])
    func isFalse(_ text: String) throws {
        #expect(try truth(text) == false)
    }

    @Test(arguments: ["NOT s = 5", "s NOT IN (5)", "n NOT LIKE '5'", "o NOT LIKE '%'", "NOT s BETWEEN 1 AND 9"])
    func isTrueOfUnlikeTypes(_ text: String) throws {
        #expect(try truth(text) == true)
    }

    @Test func oneHalfOfBetweenMayDecide() throws {
        #expect(try truth("1 NOT BETWEEN u AND 0") == true)
        #expect(try truth("1 NOT BETWEEN 2 AND u") == true)
        #expect(try truth("5 BETWEEN u AND 2") == false)
        #expect(try truth("1 BETWEEN 2 AND u") == false)
    }
}
