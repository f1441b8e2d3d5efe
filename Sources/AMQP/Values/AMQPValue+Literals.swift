// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// How Swift literals become AMQP values.

// A `nil` literal does not make a null. In `found ? value : nil`, where an absent value is meant, it would silently become a
// null. Write `.null`.

extension AMQPValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `true` and `false` are booleans.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    /// An integer literal is a `long`, as in the Python binding.
    public init(integerLiteral value: Int64) { self = .long(value) }
    /// A literal with a fraction is a `double`.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A string literal is a `string`.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An array literal is a `list`.
    public init(arrayLiteral elements: AMQPValue...) { self = .list(elements) }
    /// A dictionary literal is a `map` in the order written; a repeated key takes the last value.
    public init(dictionaryLiteral elements: (AMQPValue, AMQPValue)...) {
        self = .map(AMQPMap(elements))
    }
}
