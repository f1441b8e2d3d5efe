// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Delivery states and conditions in their encoded form, as described lists.

extension DeliveryState {
    /// The state as a described list.
    package var described: AMQPValue {
        switch self {
        case .received(let number, let offset): state(0x23, [.uint(number), .ulong(offset)])
        case .outcome(let outcome): outcome.described
        case .declared(let id): state(0x33, [.binary(id)])
        case .transactional(let id, let outcome): state(0x34, [.binary(id), outcome?.described ?? .null])
        case .custom(let code, let fields):
            .described(Described(descriptor: .ulong(code), value: .list(fields)))
        }
    }

    /// Creates the state from a described list.
    ///
    /// - Throws: ``CodecError`` if the value is not a delivery state, or has fields of wrong types.
    package init(described value: AMQPValue) throws(CodecError) {
        var fields = try FieldReader(value, "a delivery state")
        switch fields.code {
        case 0x23: self = .received(sectionNumber: try fields.required(), sectionOffset: try fields.required())
        case 0x33: self = .declared(id: try fields.binary())
        case 0x34:
            self = .transactional(
                id: try fields.binary(),
                outcome: try fields.next().map { (value) throws(CodecError) in try Outcome(described: value) })
        default: self = .outcome(try Outcome(&fields))
        }
        try fields.end()
    }
}

extension Outcome {
    /// The outcome as a described list.
    package var described: AMQPValue {
        switch self {
        case .accepted: state(0x24, [])
        case .rejected(let condition): state(0x25, [condition?.described ?? .null])
        case .released: state(0x26, [])
        case .modified(let deliveryFailed, let undeliverableHere, let annotations):
            state(
                0x27,
                [
                    deliveryFailed ? true : .null, undeliverableHere ? true : .null,
                    annotations.isEmpty ? .null : .map(AMQPMap(annotations)),
                ])
        }
    }

    /// Creates the outcome from a described list.
    ///
    /// - Throws: ``CodecError`` if the value is not an outcome, or has fields of wrong types.
    package init(described value: AMQPValue) throws(CodecError) {
        var fields = try FieldReader(value, "an outcome")
        self = try Outcome(&fields)
        try fields.end()
    }

    fileprivate init(_ fields: inout FieldReader) throws(CodecError) {
        switch fields.code {
        case 0x24: self = .accepted
        case 0x25:
            self = .rejected(try fields.next().map { (value) throws(CodecError) in try Condition(described: value) })
        case 0x26: self = .released
        case 0x27:
            self = .modified(
                deliveryFailed: try fields.boolean(), undeliverableHere: try fields.boolean(),
                annotations: try fields.annotations())
        default: throw fields.unexpected()
        }
    }
}

extension Condition {
    /// The condition as a described list.
    package var described: AMQPValue {
        state(0x1d, [.symbol(name), description.map { .string($0) } ?? .null, info.isEmpty ? .null : .map(info)])
    }

    /// Creates the condition from a described list.
    ///
    /// - Throws: ``CodecError`` if the value is not a condition, or has fields of wrong types.
    package init(described value: AMQPValue) throws(CodecError) {
        var fields = try FieldReader(value, "a condition")
        guard fields.code == 0x1d, case .symbol(let name)? = fields.next() else { throw fields.unexpected() }
        self.init(name)
        if let value = fields.next() {
            guard case .string(let text) = value else { throw fields.unexpected() }
            description = text
        }
        if let value = fields.next() {
            guard case .map(let map) = value else { throw fields.unexpected() }
            info = map
        }
        try fields.end()
    }
}

/// A described list, without trailing nulls.
private func state(_ code: UInt64, _ fields: [AMQPValue]) -> AMQPValue {
    let count = (fields.lastIndex { !$0.isNull } ?? -1) + 1
    return .described(Described(descriptor: .ulong(code), value: .list(Array(fields.prefix(count)))))
}
