// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The value of an expression in a selector.
enum SelectorValue: Sendable, Hashable {
    /// No value, which is also the third truth value: unknown.
    case null
    case boolean(Bool)
    /// An integer.
    case exact(Int64)
    /// A number that is not an integer, or is too large for one.
    case approximate(Double)
    case string(String)
    /// A value of a type that the language does not have, such as binary: it is not null, and every comparison with it is false.
    case other
}

extension SelectorValue {
    /// The value of an application property or an annotation.
    ///
    /// A symbol, a character and a UUID become strings; a timestamp becomes the milliseconds since 1970.
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

    /// The value as a truth value: nil, for unknown, if it is not a boolean.
    var truth: Bool? {
        if case .boolean(let flag) = self { flag } else { nil }
    }

    // MARK: Numbers

    /// The value as a floating-point number; nil if it is not a number.
    private var double: Double? {
        switch self {
        case .exact(let number): Double(number)
        case .approximate(let number): number
        default: nil
        }
    }

    /// The result of an operator on two numbers; null if one of them is not a number.
    ///
    /// The result for integers is an integer, also for a division, unless it is too large. A division by zero has no value.
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

    /// Whether a comparison is true; nil, for unknown, if a value is null.
    ///
    /// Every comparison of values of different types is false, also `<>`, and strings and booleans have no order (JMS 2.0,
    /// 3.8.1.2).
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

    /// Whether it is true for values that can only be equal or not.
    func holds(equal: Bool) -> Bool {
        switch self {
        case .equal: equal
        case .notEqual: !equal
        default: false
        }
    }

    /// Whether it needs an order.
    var isOrdering: Bool { self != .equal && self != .notEqual }
}
