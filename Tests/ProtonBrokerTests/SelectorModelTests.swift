// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonBroker

/// Random selectors over random messages, against a plain evaluator that shares no code with the broker's.
struct SelectorModelTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func everySelectorMeansWhatThePlainEvaluatorSays(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for _ in 0..<100 {
            let condition = SelectorModel.condition(4, &random)
            let selector = try Selector(condition.text)
            let opposite = try Selector("NOT (\(condition.text))")
            for _ in 0..<5 {
                let subject = SelectorModel.subject(&random)
                let expected = condition.truth(subject)
                let words = "seed \(seed): \(condition.text) of \(subject.properties), \(subject.annotations)"
                #expect(selector.matches(subject) == (expected == true), "\(words)")
                #expect(opposite.matches(subject) == (expected == false), "NOT, \(words)")
            }
        }
    }
}

/// A condition as a tree, its text, and what it means, written down as JMS 2.0, 3.8.1 says it.
private indirect enum SelectorModel {
    /// A literal, or the name of something: its text, and what it is of a message.
    case value(String, (Subject) -> Plain)
    case both(SelectorModel, SelectorModel)
    case either(SelectorModel, SelectorModel)
    case not(SelectorModel)
    case compare(SelectorModel, String, SelectorModel)
    case between(SelectorModel, SelectorModel, SelectorModel, isNegated: Bool)
    case isIn(SelectorModel, [SelectorModel], isNegated: Bool)
    case beginsWithX(SelectorModel, isNegated: Bool)
    case isNull(SelectorModel, isNegated: Bool)
    case calculate(SelectorModel, String, SelectorModel)

    /// A value, as far as selectors tell them apart.
    enum Plain {
        case null, other
        case text(String)
        case flag(Bool)
        case number(Double)
    }

    // MARK: Text

    var text: String {
        switch self {
        case .value(let text, _): text
        case .both(let left, let right): "(\(left.text) AND \(right.text))"
        case .either(let left, let right): "(\(left.text) OR \(right.text))"
        case .not(let operand): "NOT (\(operand.text))"
        case .compare(let left, let sign, let right): "\(left.text) \(sign) \(right.text)"
        case .between(let operand, let low, let high, let isNegated):
            "\(operand.text)\(isNegated ? " NOT" : "") BETWEEN \(low.text) AND \(high.text)"
        case .isIn(let operand, let values, let isNegated):
            "\(operand.text)\(isNegated ? " NOT" : "") IN (\(values.map(\.text).joined(separator: ", ")))"
        case .beginsWithX(let operand, let isNegated): "\(operand.text)\(isNegated ? " NOT" : "") LIKE 'x%'"
        case .isNull(let operand, let isNegated): "\(operand.text) IS\(isNegated ? " NOT" : "") NULL"
        case .calculate(let left, let sign, let right): "(\(left.text) \(sign) \(right.text))"
        }
    }

    // MARK: Meaning

    /// True, false, or nil for unknown.
    func truth(_ subject: Subject) -> Bool? {
        switch self {
        case .both(let left, let right): SelectorModel.and(left.truth(subject), right.truth(subject))
        case .either(let left, let right):
            SelectorModel.negate(
                SelectorModel.and(
                    SelectorModel.negate(left.truth(subject)), SelectorModel.negate(right.truth(subject))))
        case .not(let operand): SelectorModel.negate(operand.truth(subject))
        case .compare(let left, let sign, let right):
            SelectorModel.compare(left.plain(subject), sign, right.plain(subject))
        case .between(let operand, let low, let high, isNegated: false):
            SelectorModel.both(.compare(operand, ">=", low), .compare(operand, "<=", high)).truth(subject)
        case .between(let operand, let low, let high, isNegated: true):
            SelectorModel.either(.compare(operand, "<", low), .compare(operand, ">", high)).truth(subject)
        case .isIn(let operand, let values, let isNegated):
            values.reduce(SelectorModel.value("", { _ in .flag(false) })) {
                .either($0, .compare(operand, "=", $1))
            }.truth(subject).map { $0 != isNegated }
        case .beginsWithX(let operand, let isNegated):
            switch operand.plain(subject) {
            case .null: nil
            case .text(let text): text.hasPrefix("x") != isNegated
            default: isNegated
            }
        case .isNull(let operand, let isNegated):
            if case .null = operand.plain(subject) { !isNegated } else { isNegated }
        case .value, .calculate:
            if case .flag(let flag) = plain(subject) { flag } else { nil }
        }
    }

    private func plain(_ subject: Subject) -> Plain {
        switch self {
        case .value(_, let read): return read(subject)
        case .calculate(let left, let sign, let right):
            guard case .number(let left) = left.plain(subject), case .number(let right) = right.plain(subject) else {
                return .null
            }
            return .number(sign == "+" ? left + right : sign == "-" ? left - right : left * right)
        default: return truth(subject).map { .flag($0) } ?? .null
        }
    }

    private static func and(_ left: Bool?, _ right: Bool?) -> Bool? {
        if left == false || right == false { return false }
        return left == nil || right == nil ? nil : true
    }

    private static func negate(_ truth: Bool?) -> Bool? { truth.map { !$0 } }

    private static func compare(_ left: Plain, _ sign: String, _ right: Plain) -> Bool? {
        switch (left, right) {
        case (.null, _), (_, .null): return nil
        case (.text(let left), .text(let right)): return sign == "=" ? left == right : sign == "<>" && left != right
        case (.flag(let left), .flag(let right)): return sign == "=" ? left == right : sign == "<>" && left != right
        case (.number(let left), .number(let right)):
            switch sign {
            case "=": return left == right
            case "<>": return left != right
            case "<": return left < right
            case "<=": return left <= right
            case ">": return left > right
            default: return left >= right
            }
        default: return false
        }
    }

    // MARK: Making one

    static func condition(_ depth: Int, _ random: inout SplitMix) -> SelectorModel {
        let isNegated = Bool.random(using: &random)
        switch Int.random(in: depth == 0 ? 3...8 : 0...8, using: &random) {
        case 0: return .both(condition(depth - 1, &random), condition(depth - 1, &random))
        case 1: return .either(condition(depth - 1, &random), condition(depth - 1, &random))
        case 2: return .not(condition(depth - 1, &random))
        case 3:
            let sign = isNegated ? "<>" : "="
            // A calculation is compared with no text.
            return Bool.random(using: &random)
                ? .compare(number(2, &random), sign, number(2, &random))
                : .compare(nameOrLiteral(&random), sign, nameOrLiteral(&random))
        case 4:
            let sign = ["<", "<=", ">", ">="][Int.random(in: 0...3, using: &random)]
            return .compare(number(2, &random), sign, number(2, &random))
        case 5:
            return .between(number(1, &random), number(1, &random), number(1, &random), isNegated: isNegated)
        case 6:
            let values = (0...Int.random(in: 0...3, using: &random)).map { _ in literal(&random) }
            return .isIn(name(&random), values, isNegated: isNegated)
        case 7: return .beginsWithX(name(&random), isNegated: isNegated)
        default: return .isNull(name(&random), isNegated: isNegated)
        }
    }

    private static func nameOrLiteral(_ random: inout SplitMix) -> SelectorModel {
        Int.random(in: 0...2, using: &random) == 0 ? literal(&random) : name(&random)
    }

    private static func number(_ depth: Int, _ random: inout SplitMix) -> SelectorModel {
        switch Int.random(in: depth == 0 ? 1...2 : 0...2, using: &random) {
        case 0:
            let sign = ["+", "-", "*"][Int.random(in: 0...2, using: &random)]
            return .calculate(number(depth - 1, &random), sign, number(depth - 1, &random))
        case 1: return name(&random)
        default:
            let number = Int.random(in: -3...9, using: &random)
            return .value("\(number)", { _ in .number(Double(number)) })
        }
    }

    private static func literal(_ random: inout SplitMix) -> SelectorModel {
        switch Int.random(in: 0...4, using: &random) {
        case 0:
            let flag = Bool.random(using: &random)
            return .value(flag ? "TRUE" : "FALSE", { _ in .flag(flag) })
        case 1: return .value("2.5", { _ in .number(2.5) })
        case 2: return .value("5", { _ in .number(5) })
        case 3: return .value("'5'", { _ in .text("5") })
        default: return .value("'x'", { _ in .text("x") })
        }
    }

    private static func name(_ random: inout SplitMix) -> SelectorModel {
        switch Int.random(in: 0...6, using: &random) {
        case 0: .value("JMSPriority", { _ in .number(4) })
        case 1: .value("amqp.subject", { _ in .text("x5") })
        case 2: .value("amqp.annotation.x-opt-a", { plain($0.annotations["x-opt-a"]) })
        case 3: .value("\"a-b\"", { plain($0.properties["a-b"]) })
        case 4: .value("m.x-opt-b", { plain($0.annotations["x-opt-b"] ?? $0.properties["m.x-opt-b"]) })
        case 5: .value("b", { plain($0.properties["b"]) })
        default: .value("a", { plain($0.properties["a"]) })
        }
    }

    static func subject(_ random: inout SplitMix) -> Subject {
        var subject = Subject(fields: [.priority: .exact(4), .subject: .string("x5")])
        for name in ["a", "b", "a-b", "m.x-opt-b"] { subject.properties[name] = value(&random) }
        for name in ["x-opt-a", "x-opt-b"] as [AnnotationKey] { subject.annotations[name] = value(&random) }
        return subject
    }

    private static func value(_ random: inout SplitMix) -> AMQPValue? {
        let values: [AMQPValue?] = [
            nil, .null, true, false, 5, 2.5, .int(-3), .ubyte(0), .ulong(9), "x", "5", "xy", "", .symbol("x"),
            .binary([120]), .decimal64(Decimal64(bits: 1)), .char("x"),
        ]
        return values[Int.random(in: values.indices, using: &random)]
    }

    private static func plain(_ value: AMQPValue?) -> Plain {
        switch value {
        case nil, .null: .null
        case .boolean(let flag): .flag(flag)
        case .string(let text): .text(text)
        case .symbol(let symbol): .text(symbol.name)
        case .char(let scalar): .text(String(scalar))
        case .double(let number): .number(number)
        case .binary, .decimal64: .other
        case let value?: .number(Double(value.intValue ?? .max))
        }
    }
}
