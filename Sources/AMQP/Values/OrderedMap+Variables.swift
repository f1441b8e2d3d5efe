// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Variables as the keys and values of maps. These subscripts are disfavored, so that literals use the subscripts of AMQP's own
// types, where a dictionary literal keeps its order.

extension OrderedMap {
    /// Sets the value of a key: `message.properties["count"] = count`.
    ///
    /// A new key goes to the end. `nil` removes the pair. To read a value as a Swift type, use the accessors of
    /// ``AMQPValue``: `message.properties["count"]?.intValue`.
    @_disfavoredOverload
    public subscript<Value: AMQPValueConvertible>(_ key: Key) -> Value? {
        @available(*, unavailable, message: "read the AMQPValue, and its intValue, stringValue and so on")
        get { nil }
        set { self[key] = newValue?.amqpValue }
    }
}

extension OrderedMap where Key == AnnotationKey {
    /// The value of a symbol, or nil if there is none; setting it sets the value of the ``AnnotationKey``.
    ///
    /// - Parameter name: the text of the symbol, in ASCII; see ``Symbol/init(_:)``.
    @_disfavoredOverload
    public subscript(_ name: String) -> AMQPValue? {
        get { self[.symbol(Symbol(name))] }
        set { self[.symbol(Symbol(name))] = newValue }
    }
}

extension OrderedMap where Key == AMQPValue {
    /// The value of a key, or nil if there is none; setting it sets the value of the key's ``AMQPValue``.
    @_disfavoredOverload
    public subscript(_ key: some AMQPValueConvertible) -> AMQPValue? {
        get { self[key.amqpValue] }
        set { self[key.amqpValue] = newValue }
    }
}
