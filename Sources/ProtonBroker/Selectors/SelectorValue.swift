// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// What a part of a selector comes to.
enum SelectorValue: Sendable, Hashable {
    /// No value, which is also the third truth value: unknown.
    case null
    case boolean(Bool)
    /// A whole number.
    case exact(Int64)
    /// A number that is not whole, or too large.
    case approximate(Double)
    case string(String)
    /// A value of a type that the language does not have, such as binary: it is not null, and no comparison with it holds.
    case other
}

extension SelectorValue {
    /// The value of an application property or an annotation.
    ///
    /// A symbol, a character and a UUID are texts; a timestamp is the milliseconds since 1970.
    init(_ value: AMQPValue?) {
        switch value {
        case nil, .null: self = .null
        case .boolean(let flag): self = .boolean(flag)
        case .float(let number): self = .approximate(Double(number))
        case .double(let number): self = .approximate(number)
        case .string(let text): self = .string(text)
        case .symbol(let symbol): self = .string(symbol.name)
        case .char(let scalar): self = .string(String(Character(scalar)))
        case .uuid(let id): self = .string(id.description)
        case .timestamp(let time): self = .exact(time.milliseconds)
        case .ulong(let number): self = Int64(exactly: number).map { .exact($0) } ?? .approximate(Double(number))
        case let value?: self = value.integer(as: Int64.self).map { .exact($0) } ?? .other
        }
    }

    init(_ flag: Bool?) { self = flag.map { .boolean($0) } ?? .null }

    // MARK: Three-valued logic

    /// The value as a truth value: nil, for unknown, where it is not a boolean.
    var truth: Bool? {
        if case .boolean(let flag) = self { flag } else { nil }
    }

    // MARK: Numbers

    /// The value as a number with a fraction; nil where it is none.
    private var double: Double? {
        switch self {
        case .exact(let number): Double(number)
        case .approximate(let number): number
        default: nil
        }
    }

    /// What an operator makes of two numbers; null where one is not a number.
    ///
    /// Whole numbers stay whole, division included, unless the result is too large. Nothing divided by zero has a value.
    func combined(_ operation: Arithmetic, with other: SelectorValue) -> SelectorValue {
        if case .exact(let left) = self, case .exact(let right) = other {
            let result =
                switch operation {
                case .add: left.addingReportingOverflow(right)
                case .subtract: left.subtractingReportingOverflow(right)
                case .multiply: left.multipliedReportingOverflow(by: right)
                case .divide: left.dividedReportingOverflow(by: right)
                }
            if !result.overflow { return .exact(result.partialValue) }
        }
        guard let left = double, let right = other.double else { return .null }
        switch operation {
        case .add: return .approximate(left + right)
        case .subtract: return .approximate(left - right)
        case .multiply: return .approximate(left * right)
        case .divide: return right == 0 ? .null : .approximate(left / right)
        }
    }

    // MARK: Comparing

    /// Whether a comparison holds; nil, for unknown, where a value is null.
    ///
    /// No comparison of values of different types holds, `<>` included, and texts and booleans have no order (JMS 2.0, 3.8.1.2).
    func compared(_ comparison: Comparison, with other: SelectorValue) -> Bool? {
        switch (self, other) {
        case (.null, _), (_, .null): nil
        case (.exact(let left), .exact(let right)): comparison.holds(left, right)
        case (.string(let left), .string(let right)): comparison.holds(equal: left.utf8.elementsEqual(right.utf8))
        case (.boolean(let left), .boolean(let right)): comparison.holds(equal: left == right)
        default:
            if let left = double, let right = other.double { comparison.holds(left, right) } else { false }
        }
    }
}

/// The four operators on numbers.
enum Arithmetic: Sendable, Hashable {
    case add, subtract, multiply, divide
}

/// The six comparisons.
enum Comparison: Sendable, Hashable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    func holds<T: Comparable>(_ left: T, _ right: T) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }

    /// Whether it holds of values that are only equal or not.
    func holds(equal: Bool) -> Bool {
        switch self {
        case .equal: equal
        case .notEqual: !equal
        default: false
        }
    }

    /// Whether it is one that needs an order.
    var isOrdering: Bool { self != .equal && self != .notEqual }
}
