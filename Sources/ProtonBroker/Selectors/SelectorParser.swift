// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Parses a selector by recursive descent, one function for each level of the grammar.
///
///     condition  = conjunction (OR conjunction)*
///     conjunction = negation (AND negation)*
///     negation   = NOT negation | predicate
///     predicate  = sum [comparison | [NOT] BETWEEN … | [NOT] IN … | [NOT] LIKE … | IS [NOT] NULL]
///     sum        = product (("+" | "-") product)*
///     product    = factor (("*" | "/") factor)*
///     factor     = ("+" | "-") factor | literal | identifier | "(" condition ")"
struct SelectorParser {
    private var lexer: SelectorLexer
    private var token: SelectorToken
    /// The position of the token.
    private var offset: Int
    private var depth = 0
    /// The parts of a message that were named.
    private(set) var parts: SelectorParts = []

    /// The maximum nesting of parentheses, NOT and signs: evaluation recurses as deep.
    static let maxDepth = 64

    init(_ text: String) throws(SelectorError) {
        lexer = SelectorLexer(text)
        (token, offset) = try lexer.next()
    }

    mutating func parse() throws(SelectorError) -> SelectorExpression {
        let start = offset
        let expression = try condition()
        guard token == .end else { throw SelectorError("\(token) is not expected here", at: offset) }
        return try boolean(expression, start)
    }

    // MARK: Conditions

    private mutating func condition() throws(SelectorError) -> SelectorExpression {
        try chain("OR", SelectorExpression.any) { (parser) throws(SelectorError) in try parser.conjunction() }
    }

    private mutating func conjunction() throws(SelectorError) -> SelectorExpression {
        try chain("AND", SelectorExpression.all) { (parser) throws(SelectorError) in try parser.negation() }
    }

    private mutating func chain(
        _ keyword: String, _ join: ([SelectorExpression]) -> SelectorExpression,
        _ member: (inout SelectorParser) throws(SelectorError) -> SelectorExpression
    ) throws(SelectorError) -> SelectorExpression {
        let start = offset
        let first = try member(&self)
        guard token == .keyword(keyword) else { return first }
        var members = [try boolean(first, start)]
        while try take(.keyword(keyword)) {
            let start = offset
            members.append(try boolean(try member(&self), start))
        }
        return join(members)
    }

    private mutating func negation() throws(SelectorError) -> SelectorExpression {
        guard try take(.keyword("NOT")) else { return try predicate() }
        let start = offset
        let operand = try nested { (parser) throws(SelectorError) in try parser.negation() }
        return .not(try boolean(operand, start))
    }

    private mutating func predicate() throws(SelectorError) -> SelectorExpression {
        let start = offset
        let operand = try sum()
        if case .symbol(let symbol) = token, let comparison = Comparison(symbol) {
            try advance()
            return try compare(operand, start, comparison)
        }
        if try take(.keyword("IS")) {
            let isNegated = try take(.keyword("NOT"))
            try expect(.keyword("NULL"))
            let test = SelectorExpression.isNull(try name(operand, start))
            return isNegated ? .not(test) : test
        }
        let isNegated = try take(.keyword("NOT"))
        let test: SelectorExpression
        if try take(.keyword("BETWEEN")) {
            let low = try bound()
            try expect(.keyword("AND"))
            let (operand, high) = (try ordered(operand, start), try bound())
            return isNegated ? .notBetween(operand, low, high) : .between(operand, low, high)
        } else if try take(.keyword("IN")) {
            let values = try values()
            let isOfTexts = values.allSatisfy { if case .string = $0 { true } else { false } }
            test = .isIn(isOfTexts ? try name(operand, start) : try unambiguous(operand), values)
        } else if try take(.keyword("LIKE")) {
            test = .like(try name(operand, start), try pattern())
        } else if isNegated {
            throw SelectorError("BETWEEN, IN or LIKE is expected behind NOT, not \(token)", at: offset)
        } else {
            return operand
        }
        return isNegated ? .not(test) : test
    }

    /// Parses the right side of a comparison.
    private mutating func compare(
        _ left: SelectorExpression, _ leftStart: Int, _ comparison: Comparison
    ) throws(SelectorError) -> SelectorExpression {
        let rightStart = offset
        let right = try sum()
        if comparison.isOrdering {
            return .comparison(comparison, try ordered(left, leftStart), try ordered(right, rightStart))
        }
        if right.isLiteralWithoutOrder { return .comparison(comparison, try name(left, leftStart), right) }
        if left.isLiteralWithoutOrder { return .comparison(comparison, left, try name(right, rightStart)) }
        return .comparison(comparison, try unambiguous(left), try unambiguous(right))
    }

    /// A bound of BETWEEN.
    private mutating func bound() throws(SelectorError) -> SelectorExpression {
        let start = offset
        return try ordered(try sum(), start)
    }

    /// The list after IN.
    private mutating func values() throws(SelectorError) -> [SelectorValue] {
        try expect(.symbol("("))
        var values: [SelectorValue] = []
        repeat {
            let start = offset
            guard case .literal(let value) = try factor() else {
                throw SelectorError("IN takes texts and numbers only", at: start)
            }
            values.append(value)
        } while try take(.symbol(","))
        try expect(.symbol(")"))
        return values
    }

    /// The pattern after LIKE.
    private mutating func pattern() throws(SelectorError) -> LikePattern {
        let start = offset
        let text = try text()
        var escape: Unicode.Scalar?
        if try take(.keyword("ESCAPE")) {
            let start = offset
            let scalars = try self.text().unicodeScalars
            guard scalars.count == 1 else { throw SelectorError("ESCAPE takes one character", at: start) }
            escape = scalars.first
        }
        guard let pattern = LikePattern(text, escape: escape) else {
            throw SelectorError("behind the escape character stands '_', '%' or itself", at: start)
        }
        return pattern
    }

    // MARK: Values

    private mutating func sum() throws(SelectorError) -> SelectorExpression {
        try steps(["+": .add, "-": .subtract]) { (parser) throws(SelectorError) in try parser.product() }
    }

    private mutating func product() throws(SelectorError) -> SelectorExpression {
        try steps(["*": .multiply, "/": .divide]) { (parser) throws(SelectorError) in try parser.factor() }
    }

    private mutating func steps(
        _ operators: [String: Arithmetic], _ member: (inout SelectorParser) throws(SelectorError) -> SelectorExpression
    ) throws(SelectorError) -> SelectorExpression {
        var start = offset
        let first = try member(&self)
        var steps: [(Arithmetic, SelectorExpression)] = []
        while case .symbol(let symbol) = token, let operation = operators[symbol] {
            if steps.isEmpty { _ = try number(first, start) }
            try advance()
            start = offset
            steps.append((operation, try number(try member(&self), start)))
        }
        return steps.isEmpty ? first : .arithmetic(first, steps)
    }

    private mutating func factor() throws(SelectorError) -> SelectorExpression {
        let start = offset
        switch token {
        case .symbol("("):
            try advance()
            let inner = try nested { (parser) throws(SelectorError) in try parser.condition() }
            try expect(.symbol(")"))
            return inner
        case .symbol("+"):
            try advance()
            return try nested { (parser) throws(SelectorError) in try parser.number(try parser.factor(), start) }
        case .symbol("-"):
            try advance()
            return try negative(start)
        case .exact(let number):
            guard let value = Int64(exactly: number) else { throw SelectorError("this number is too large", at: start) }
            return try literal(.exact(value))
        case .approximate(let number): return try literal(.approximate(number))
        case .string(let text): return try literal(.string(text))
        case .keyword("TRUE"): return try literal(.boolean(true))
        case .keyword("FALSE"): return try literal(.boolean(false))
        case .identifier(let name):
            try advance()
            return .name(try resolve(name, start))
        case .hyphenated(let name):
            try advance()
            parts.insert(.applicationProperties)
            return .hyphenated(name, at: start)
        default: throw SelectorError("a value is expected here, not \(token)", at: start)
        }
    }

    /// Parses the operand of a minus. The smallest number has no positive counterpart.
    private mutating func negative(_ start: Int) throws(SelectorError) -> SelectorExpression {
        if case .exact(let number) = token, number == Int64.min.magnitude { return try literal(.exact(.min)) }
        let operand = try nested { (parser) throws(SelectorError) in try parser.number(try parser.factor(), start) }
        switch operand {
        case .literal(let value): return .literal(SelectorValue.exact(0).combined(.subtract, with: value))
        default: return .negated(operand)
        }
    }

    // MARK: Names

    /// The meaning of an identifier.
    private mutating func resolve(_ identifier: String, _ start: Int) throws(SelectorError) -> SelectorName {
        guard let name = SelectorName(identifier) else {
            throw SelectorError("\(identifier.inError) is reserved and names nothing", at: start)
        }
        switch name {
        case .property: parts.insert(.applicationProperties)
        case .field(let field): parts.insert(SelectorParts(field))
        case .annotation(_, let property):
            parts.insert(.annotations)
            if property != nil { parts.insert(.applicationProperties) }
        }
        return name
    }

    /// The expression in a position where no calculation is allowed: hyphens in it are part of a name.
    private mutating func name(
        _ expression: SelectorExpression, _ start: Int
    ) throws(SelectorError) -> SelectorExpression {
        switch expression {
        case .hyphenated(let name, let start): return .name(try resolve(name, start))
        case .arithmetic, .negated: throw SelectorError("a name is expected here, not a calculation", at: start)
        default: return expression
        }
    }

    /// The expression in a position where a number is allowed: a hyphen in it may then be a minus.
    private func unambiguous(_ expression: SelectorExpression) throws(SelectorError) -> SelectorExpression {
        guard case .hyphenated(let name, let start) = expression else { return expression }
        let reason = "\(name.inError) may be a name or a difference: "
        throw SelectorError(reason + "put a name in double quotes, or spaces around a minus", at: start)
    }

    // MARK: Types

    /// The expression, if it can be a condition.
    private mutating func boolean(
        _ expression: SelectorExpression, _ start: Int
    ) throws(SelectorError) -> SelectorExpression {
        switch expression {
        case .hyphenated: return try name(expression, start)
        case .literal(.boolean): return expression
        case .literal, .arithmetic, .negated: throw SelectorError("this is no condition", at: start)
        default: return expression
        }
    }

    /// The expression, if it can be a number.
    private func number(_ expression: SelectorExpression, _ start: Int) throws(SelectorError) -> SelectorExpression {
        switch expression {
        case .literal(.exact), .literal(.approximate), .arithmetic, .negated, .name: return expression
        case .hyphenated: return try unambiguous(expression)
        default: throw SelectorError("this is no number", at: start)
        }
    }

    /// The expression, if its values have an order.
    private func ordered(_ expression: SelectorExpression, _ start: Int) throws(SelectorError) -> SelectorExpression {
        guard !expression.isLiteralWithoutOrder else {
            throw SelectorError("texts and booleans have no order: compare them by = or <>", at: start)
        }
        return try number(expression, start)
    }

    // MARK: Tokens

    private mutating func advance() throws(SelectorError) {
        (token, offset) = try lexer.next()
    }

    private mutating func literal(_ value: SelectorValue) throws(SelectorError) -> SelectorExpression {
        try advance()
        return .literal(value)
    }

    private mutating func text() throws(SelectorError) -> String {
        guard case .string(let text) = token else {
            throw SelectorError("a text in quotes is expected here, not \(token)", at: offset)
        }
        try advance()
        return text
    }

    /// Skips the token if it is this one.
    private mutating func take(_ wanted: SelectorToken) throws(SelectorError) -> Bool {
        guard token == wanted else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ wanted: SelectorToken) throws(SelectorError) {
        guard try take(wanted) else { throw SelectorError("\(wanted) is expected here, not \(token)", at: offset) }
    }

    private mutating func nested(
        _ body: (inout SelectorParser) throws(SelectorError) -> SelectorExpression
    ) throws(SelectorError) -> SelectorExpression {
        guard depth < SelectorParser.maxDepth else {
            throw SelectorError("it is nested deeper than \(SelectorParser.maxDepth) levels", at: offset)
        }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }
}

extension Comparison {
    fileprivate init?(_ symbol: String) {
        switch symbol {
        case "=": self = .equal
        case "<>": self = .notEqual
        case "<": self = .less
        case "<=": self = .lessOrEqual
        case ">": self = .greater
        case ">=": self = .greaterOrEqual
        default: return nil
        }
    }
}

extension SelectorExpression {
    /// Whether it is a string or a boolean, which have no order.
    fileprivate var isLiteralWithoutOrder: Bool {
        switch self {
        case .literal(.string), .literal(.boolean): true
        default: false
        }
    }
}
