import Proton
import ProtonUtilities

/// What a part of a selector comes to.
enum SelectorValue: Sendable, Hashable {
    /// No value, which is also the third truth value.
    case unknown
    case boolean(Bool)
    /// A whole number.
    case exact(Int64)
    /// A number that is not whole, or too large.
    case approximate(Double)
    case string(String)
}

extension SelectorValue {
    /// The value of an application property. What has no counterpart in the language is unknown.
    init(_ value: AMQPValue?) {
        switch value {
        case .boolean(let flag): self = .boolean(flag)
        case .float(let number): self = .approximate(Double(number))
        case .double(let number): self = .approximate(number)
        case .string(let text): self = .string(text)
        case .symbol(let symbol): self = .string(symbol.name)
        case .char(let scalar): self = .string(String(Character(scalar)))
        case .uuid(let id): self = .string(id.description)
        case .timestamp(let time): self = .exact(time.milliseconds)
        case .ulong(let number): self = Int64(exactly: number).map { .exact($0) } ?? .approximate(Double(number))
        case let value?: self = value.integer(as: Int64.self).map { .exact($0) } ?? .unknown
        case nil: self = .unknown
        }
    }

    init(_ flag: Bool?) { self = flag.map { .boolean($0) } ?? .unknown }

    // MARK: Three-valued logic

    /// The value as a truth value: nil where it is unknown, as anything is that is not a boolean.
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

    /// What an operator makes of two numbers; unknown where one is none.
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
        guard let left = double, let right = other.double else { return .unknown }
        switch operation {
        case .add: return .approximate(left + right)
        case .subtract: return .approximate(left - right)
        case .multiply: return .approximate(left * right)
        case .divide: return right == 0 ? .unknown : .approximate(left / right)
        }
    }

    // MARK: Comparing

    /// Whether a comparison holds; nil where it has no meaning: texts and booleans are only equal or not.
    func compared(_ comparison: Comparison, with other: SelectorValue) -> Bool? {
        switch (self, other) {
        case (.exact(let left), .exact(let right)): comparison.holds(left, right)
        case (.string(let left), .string(let right)): comparison.holds(equal: left.utf8.elementsEqual(right.utf8))
        case (.boolean(let left), .boolean(let right)): comparison.holds(equal: left == right)
        default:
            if let left = double, let right = other.double { comparison.holds(left, right) } else { nil }
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

    func holds(equal: Bool) -> Bool? {
        switch self {
        case .equal: equal
        case .notEqual: !equal
        default: nil
        }
    }
}
