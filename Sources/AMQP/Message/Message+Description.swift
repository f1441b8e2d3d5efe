// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message: CustomStringConvertible {
    /// The message as the Python binding prints it: the fields that are neither empty nor zero, with their Python names.
    public var description: String {
        let seconds = timeToLive.map { Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18 }
        let fields: [(String, AMQPValue?)] = [
            ("address", address.map { .string($0) }),
            ("reply_to", replyTo.map { .string($0) }),
            ("durable", .boolean(isDurable)),
            ("ttl", seconds.map { .double($0) }),
            ("priority", .long(Int64(priority))),
            ("first_acquirer", .boolean(isFirstAcquirer)),
            ("delivery_count", .long(Int64(deliveryCount))),
            ("id", id?.pythonValue),
            ("correlation_id", correlationID?.pythonValue),
            ("user_id", userID.map { .binary($0) }),
            ("group_id", groupID.map { .string($0) }),
            ("group_sequence", groupSequence.map { .long(Int64($0)) }),
            ("reply_to_group_id", replyToGroupID.map { .string($0) }),
            ("instructions", .map(AMQPMap(deliveryAnnotations))),
            ("annotations", .map(AMQPMap(annotations))),
            ("properties", .map(AMQPMap(properties))),
            ("body", body.value),
        ]
        let texts = fields.compactMap { name, value -> String? in
            guard let value, value.isTrueInPython else { return nil }
            let isAnnotations = name == "annotations" || name == "instructions"
            return "\(name)=" + (isAnnotations ? "AnnotationDict(\(value))" : value.debugDescription)
        }
        return "Message(\(texts.joined(separator: ", ")))"
    }
}

extension MessageID {
    /// The value of an identifier; Python's messages show numbers without a type.
    fileprivate var pythonValue: AMQPValue {
        ulongValue.flatMap(Int64.init(exactly:)).map { .long($0) } ?? value
    }
}

extension AMQPValue {
    /// Whether the value is true in Python: it is neither null, false, zero nor empty.
    fileprivate var isTrueInPython: Bool {
        switch self {
        case .null: false
        case .boolean(let value): value
        case .float, .double: doubleValue != 0
        case .decimal32(let value): value.bits != 0
        case .decimal64(let value): value.bits != 0
        case .timestamp(let value): value.milliseconds != 0
        case .binary(let value): !value.isEmpty
        case .string(let value): !value.isEmpty
        case .symbol(let value): !value.name.isEmpty
        case .list(let value): !value.isEmpty
        case .map(let value): !value.isEmpty
        default: integer(as: Int64.self) != 0
        }
    }
}
