// How Swift literals and Swift values become AMQP values.

// `nil` makes no null: in `found ? value : nil` it would quietly become one, where an absent value is meant. Write `.null`.

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
    /// A dictionary literal is a `map` in the order written; a key that is repeated takes the last value.
    public init(dictionaryLiteral elements: (AMQPValue, AMQPValue)...) {
        self = .map(AMQPMap(elements))
    }
}

extension AMQPValue {
    /// A `boolean`.
    public init(_ value: Bool) { self = .boolean(value) }
    /// A `long`.
    public init(_ value: Int) { self = .long(Int64(value)) }
    /// A `byte`.
    public init(_ value: Int8) { self = .byte(value) }
    /// A `short`.
    public init(_ value: Int16) { self = .short(value) }
    /// An `int`.
    public init(_ value: Int32) { self = .int(value) }
    /// A `long`.
    public init(_ value: Int64) { self = .long(value) }
    /// A `ulong`.
    public init(_ value: UInt) { self = .ulong(UInt64(value)) }
    /// A `ubyte`.
    public init(_ value: UInt8) { self = .ubyte(value) }
    /// A `ushort`.
    public init(_ value: UInt16) { self = .ushort(value) }
    /// A `uint`.
    public init(_ value: UInt32) { self = .uint(value) }
    /// A `ulong`.
    public init(_ value: UInt64) { self = .ulong(value) }
    /// A `float`.
    public init(_ value: Float) { self = .float(value) }
    /// A `double`.
    public init(_ value: Double) { self = .double(value) }
    /// A `char`.
    public init(_ value: Unicode.Scalar) { self = .char(value) }
    /// A `timestamp`.
    public init(_ value: Timestamp) { self = .timestamp(value) }
    /// A `uuid`.
    public init(_ value: AMQPUUID) { self = .uuid(value) }
    /// A `binary`.
    public init(_ value: [UInt8]) { self = .binary(value) }
    /// A `string`.
    public init(_ value: String) { self = .string(value) }
    /// A `symbol`.
    public init(_ value: Symbol) { self = .symbol(value) }
    /// A `list`.
    public init(_ value: [AMQPValue]) { self = .list(value) }
    /// A `map`.
    public init(_ value: AMQPMap) { self = .map(value) }
    /// An `array`.
    public init(_ value: AMQPArray) { self = .array(value) }
    /// A described value.
    public init(_ value: Described) { self = .described(value) }
}
