import AMQP
import Testing

@testable import ProtonBroker

/// A message as selectors see it, made of its parts.
struct Subject: SelectorSubject {
    var properties: ApplicationProperties = [:]
    var fields: [SelectorField: SelectorValue] = [:]

    func applicationProperty(_ name: String) -> AMQPValue? { properties[name] }
    func field(_ field: SelectorField) -> SelectorValue { fields[field] ?? .unknown }
}

/// The selector language: what each construct means, and what is refused where.
struct SelectorTests {
    private static let subject = Subject(
        properties: [
            "colour": "green", "weight": 5, "price": 2.5, "ok": true, "bad": false, "quote": "it's", "none": .null,
            "small": .ubyte(7), "big": .ulong(.max), "symbol": .symbol("s"), "list": [1], "key": "a%b_c",
            "größe": "ß", "x-y": 1, "a.b": 2, "double": .double(1e300),
        ],
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
        ("colour IS NULL", false), ("colour IS NOT NULL", true), ("list IS NULL", true), ("weight / 0 IS NULL", true),
        // Names.
        ("größe = 'ß'", true), ("\"x-y\" = 1", true), ("a.b = 2", true), ("symbol = 's'", true),
        ("JMSPriority = 4", true), ("amqp.priority = 4", true), ("JMSType = 'news'", true),
        ("amqp.subject LIKE 'n%'", true), ("JMSDeliveryMode = 'PERSISTENT'", true), ("JMSMessageID IS NULL", true),
        ("JMSXDeliveryCount IS NULL", true), ("\"amqp.group-id\" IS NULL", true),
        // No match, and no error, where kinds differ.
        ("colour = 5", false), ("colour > 'a'", false), ("ok > bad", false), ("colour + 1 = 2", false),
        ("weight LIKE '5'", false), ("NOT colour", false), ("colour", false), ("missing = 1", false),
        ("missing <> 1", false), ("NOT missing = 1", false), ("colour BETWEEN 1 AND 2", false),
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
        let subject = Subject(properties: ["t": true, "f": false])
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
        "u IN (1)",
        "u NOT IN (1)", "u LIKE '%'", "u NOT LIKE 'x'", "1 / 0 = 1", "t = 1", "'a' < 'b'",
    ])
    func isUnknown(_ text: String) throws {
        #expect(try truth(text) == nil)
    }

    @Test func oneHalfOfBetweenMayDecide() throws {
        #expect(try truth("5 BETWEEN u AND 2") == false)
        #expect(try truth("1 BETWEEN 2 AND u") == false)
    }
}
