// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A part of a parsed selector.
///
/// A chain of one operator is one node with many members, so that the tree is no deeper than the nesting of the text.
indirect enum SelectorExpression: Sendable {
    case literal(SelectorValue)
    case name(SelectorName)
    /// A name with hyphens and without quotes, which could also be a subtraction, and its position.
    case hyphenated(String, at: Int)
    case all([SelectorExpression])
    case any([SelectorExpression])
    case not(SelectorExpression)
    case comparison(Comparison, SelectorExpression, SelectorExpression)
    case between(SelectorExpression, SelectorExpression, SelectorExpression)
    case notBetween(SelectorExpression, SelectorExpression, SelectorExpression)
    case isIn(SelectorExpression, [SelectorValue])
    case like(SelectorExpression, LikePattern)
    case isNull(SelectorExpression)
    /// A first number, and the operations that follow.
    case arithmetic(SelectorExpression, [(Arithmetic, SelectorExpression)])
    case negated(SelectorExpression)
}

extension SelectorExpression {
    /// The value of the expression for a message.
    func value(of message: some SelectorSubject) -> SelectorValue {
        switch self {
        case .literal(let value): value
        case .name(let name): name.value(of: message)
        case .hyphenated(let name, _): SelectorValue(message.applicationProperty(name))
        case .all(let conditions): SelectorExpression.decide(conditions, of: message, by: false)
        case .any(let conditions): SelectorExpression.decide(conditions, of: message, by: true)
        case .not(let condition): SelectorValue(condition.value(of: message).truth.map { !$0 })
        case .comparison(let comparison, let left, let right):
            SelectorValue(left.value(of: message).compared(comparison, with: right.value(of: message)))
        case .between(let operand, let low, let high):
            operand.value(of: message).isBetween(low.value(of: message), high.value(of: message))
        case .notBetween(let operand, let low, let high):
            operand.value(of: message).isNotBetween(low.value(of: message), high.value(of: message))
        case .isIn(let operand, let values): operand.value(of: message).isIn(values)
        case .like(let operand, let pattern):
            operand.value(of: message).isLike(pattern)
        case .isNull(let operand): .boolean(operand.value(of: message) == .null)
        case .arithmetic(let first, let steps):
            steps.reduce(first.value(of: message)) { $0.combined($1.0, with: $1.1.value(of: message)) }
        case .negated(let operand): SelectorValue.exact(0).combined(.subtract, with: operand.value(of: message))
        }
    }

    /// AND and OR: one member that is `decisive` decides; otherwise an unknown member makes the result unknown.
    private static func decide(
        _ conditions: [SelectorExpression], of message: some SelectorSubject, by decisive: Bool
    ) -> SelectorValue {
        var isKnown = true
        for condition in conditions {
            switch condition.value(of: message).truth {
            case decisive: return .boolean(decisive)
            case nil: isKnown = false
            default: break
            }
        }
        return isKnown ? .boolean(!decisive) : .null
    }
}

extension SelectorName {
    /// The value that the name has in a message.
    fileprivate func value(of message: some SelectorSubject) -> SelectorValue {
        switch self {
        case .property(let name): SelectorValue(message.applicationProperty(name))
        case .field(let field): message.field(field)
        case .annotation(let key, let property):
            SelectorValue(message.annotation(key) ?? property.flatMap { message.applicationProperty($0) })
        }
    }
}

// A value of a type that a test does not support makes the test false, and a null value makes it unknown, as in comparisons.
extension SelectorValue {
    /// `self >= low AND self <= high`.
    fileprivate func isBetween(_ low: SelectorValue, _ high: SelectorValue) -> SelectorValue {
        let conditions = [compared(.greaterOrEqual, with: low), compared(.lessOrEqual, with: high)]
        if conditions.contains(false) { return .boolean(false) }
        return conditions.contains(nil) ? .null : .boolean(true)
    }

    /// `self < low OR self > high`, which is not the negation of `isBetween` if the types differ.
    fileprivate func isNotBetween(_ low: SelectorValue, _ high: SelectorValue) -> SelectorValue {
        let conditions = [compared(.less, with: low), compared(.greater, with: high)]
        if conditions.contains(true) { return .boolean(true) }
        return conditions.contains(nil) ? .null : .boolean(false)
    }

    /// Whether it equals one of several values.
    fileprivate func isIn(_ values: [SelectorValue]) -> SelectorValue {
        self == .null ? .null : .boolean(values.contains { compared(.equal, with: $0) == true })
    }

    /// Whether it is a string that matches a pattern.
    fileprivate func isLike(_ pattern: LikePattern) -> SelectorValue {
        switch self {
        case .null: .null
        case .string(let text): .boolean(pattern.matches(text))
        default: .boolean(false)
        }
    }
}
