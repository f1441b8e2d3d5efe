// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A value with a descriptor that says what it means (Types, section 1.3.2).
public struct Described: Sendable, Hashable {
    /// What the value means: mostly a `symbol` or a `ulong`.
    public var descriptor: AMQPValue
    /// The value that is described.
    public var value: AMQPValue

    /// A value with its descriptor.
    public init(descriptor: AMQPValue, value: AMQPValue) {
        self.descriptor = descriptor
        self.value = value
    }
}

extension Described: CustomStringConvertible {
    /// The value as the Python binding prints it.
    public var description: String { AMQPValue.described(self).description }
}
