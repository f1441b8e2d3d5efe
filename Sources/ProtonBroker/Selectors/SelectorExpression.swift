/// A part of a parsed selector.
///
/// Chains of one operator are one node with many members, so that the tree is no deeper than the text is nested.
indirect enum SelectorExpression: Sendable {
    case literal(SelectorValue)
    case property(String)
    case field(SelectorField)
    case all([SelectorExpression])
    case any([SelectorExpression])
    case not(SelectorExpression)
    case comparison(Comparison, SelectorExpression, SelectorExpression)
    case between(SelectorExpression, SelectorExpression, SelectorExpression)
    case isIn(SelectorExpression, [SelectorValue])
    case like(SelectorExpression, LikePattern)
    case isNull(SelectorExpression)
    /// A first number, and what is done to it step by step.
    case arithmetic(SelectorExpression, [(Arithmetic, SelectorExpression)])
    case negated(SelectorExpression)
}

extension SelectorExpression {
    /// What it comes to for a message.
    func value(of message: some SelectorSubject) -> SelectorValue {
        switch self {
        case .literal(let value): value
        case .property(let name): SelectorValue(message.applicationProperty(name))
        case .field(let field): message.field(field)
        case .all(let conditions): SelectorExpression.decide(conditions, of: message, by: false)
        case .any(let conditions): SelectorExpression.decide(conditions, of: message, by: true)
        case .not(let condition): SelectorValue(condition.value(of: message).truth.map { !$0 })
        case .comparison(let comparison, let left, let right):
            SelectorValue(left.value(of: message).compared(comparison, with: right.value(of: message)))
        case .between(let operand, let low, let high):
            operand.value(of: message).isBetween(low.value(of: message), high.value(of: message))
        case .isIn(let operand, let values): operand.value(of: message).isIn(values)
        case .like(let operand, let pattern):
            if case .string(let text) = operand.value(of: message) { .boolean(pattern.matches(text)) } else { .unknown }
        case .isNull(let operand): .boolean(operand.value(of: message) == .unknown)
        case .arithmetic(let first, let steps):
            steps.reduce(first.value(of: message)) { $0.combined($1.0, with: $1.1.value(of: message)) }
        case .negated(let operand): SelectorValue.exact(0).combined(.subtract, with: operand.value(of: message))
        }
    }

    /// AND and OR: one member that is `decisive` decides; else one that is unknown leaves it unknown.
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
        return isKnown ? .boolean(!decisive) : .unknown
    }
}

extension SelectorValue {
    /// `self >= low AND self <= high`.
    fileprivate func isBetween(_ low: SelectorValue, _ high: SelectorValue) -> SelectorValue {
        let conditions = [compared(.greaterOrEqual, with: low), compared(.lessOrEqual, with: high)]
        if conditions.contains(false) { return .boolean(false) }
        return conditions.contains(nil) ? .unknown : .boolean(true)
    }

    /// Whether it equals one of several values. One of another kind is none of them.
    fileprivate func isIn(_ values: [SelectorValue]) -> SelectorValue {
        self == .unknown ? .unknown : .boolean(values.contains { compared(.equal, with: $0) == true })
    }
}
