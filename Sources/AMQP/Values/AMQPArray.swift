// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A sequence of values of one type (Types, section 1.6.24).
///
/// The elements may have a descriptor, which the array holds once for all of them.
public struct AMQPArray: Sendable, Hashable {
    /// The type of every element. An array without elements has a type as well.
    public let elementType: AMQPType

    /// The descriptors of every element, outermost first; empty in most arrays.
    public let descriptors: [AMQPValue]

    /// The elements, without their descriptor.
    public let elements: [AMQPValue]

    /// Creates an array of values that all have the type of the first value.
    ///
    /// - Returns: nil if the values have several types, if a value is described, or if there are no values. For an empty array,
    ///   name its type: `AMQPArray(of: .symbol, [])`.
    public init?(_ elements: [AMQPValue]) {
        guard let type = elements.first?.type else { return nil }
        self.init(of: type, elements)
    }

    /// Creates an array of values of one type, each described by the descriptors, outermost first.
    ///
    /// - Returns: nil if a value has another type.
    public init?(of type: AMQPType, descriptors: [AMQPValue] = [], _ elements: [AMQPValue]) {
        guard elements.allSatisfy({ $0.type == type }) else { return nil }
        self.init(unchecked: type, descriptors, elements)
    }

    /// Creates an array of Swift values, such as the `[Symbol]` with which AMQP writes several capabilities.
    public init<Element: AMQPArrayElement>(_ elements: [Element]) {
        self.init(unchecked: Element.amqpType, [], elements.map(\.amqpValue))
    }

    /// Creates an array of elements that are known to have the type.
    init(unchecked type: AMQPType, _ descriptors: [AMQPValue], _ elements: [AMQPValue]) {
        self.elementType = type
        self.descriptors = descriptors
        self.elements = elements
    }
}

extension AMQPArray: CustomStringConvertible {
    /// The array as the Python binding prints it.
    public var description: String { AMQPValue.array(self).description }
}
