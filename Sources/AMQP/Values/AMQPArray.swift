// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A sequence of values of one type (Types, section 1.6.24).
///
/// The elements may have a descriptor, which the array holds once for all of them.
public struct AMQPArray: Sendable, Hashable {
    /// The type of every element, also of an array that has none.
    public let elementType: AMQPType

    /// What describes every element, outermost first; empty in most arrays.
    public let descriptors: [AMQPValue]

    /// The elements, without their descriptor.
    public let elements: [AMQPValue]

    /// An array of values that all have the type of the first.
    ///
    /// - Returns: nil when the values are of several types, or described, or when there are none; an empty array has a
    ///   type as well: `AMQPArray(of: .symbol, [])`.
    public init?(_ elements: [AMQPValue]) {
        guard let type = elements.first?.type else { return nil }
        self.init(of: type, elements)
    }

    /// An array of values of a type, each described by the descriptors, outermost first.
    ///
    /// - Returns: nil when a value is of another type.
    public init?(of type: AMQPType, descriptors: [AMQPValue] = [], _ elements: [AMQPValue]) {
        guard elements.allSatisfy({ $0.type == type }) else { return nil }
        self.init(unchecked: type, descriptors, elements)
    }

    /// An array of Swift values: `[Symbol]` is how AMQP writes several capabilities.
    public init<Element: AMQPArrayElement>(_ elements: [Element]) {
        self.init(unchecked: Element.amqpType, [], elements.map(\.amqpValue))
    }

    /// An array of elements that are known to be of the type.
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
