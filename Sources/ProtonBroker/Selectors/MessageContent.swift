// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The parts of a message that selectors read, decoded from its bytes once.
///
/// Only the sections before the body are decoded, and only the parts that selectors need are kept. It is immutable: a selector
/// that needs more parts creates another one.
final class MessageContent: Sendable {
    /// The parts that were read.
    let parts: SelectorParts
    /// The approximate memory in bytes, for the limits of a queue's memory.
    let memory: Int
    private let properties: ApplicationProperties
    private let annotations: Annotations
    private let fields: [(field: SelectorField, value: SelectorValue)]

    /// Reads some parts of an encoded message. A message that is invalid before its body is read as one without header,
    /// properties and annotations.
    init(_ bytes: [UInt8], _ parts: SelectorParts) {
        self.parts = parts
        let message = (try? Message(decodingHeadOf: bytes)) ?? Message()
        properties = parts.contains(.applicationProperties) ? message.properties : [:]
        annotations = parts.contains(.annotations) ? message.annotations : [:]
        fields = parts.fields.map { ($0, SelectorValue($0, of: message)) }
        memory =
            MessageContent.baseSize + properties.memory + annotations.memory
            + fields.reduce(0) { $0 + MemoryLayout<(SelectorField, SelectorValue)>.stride + $1.value.memory }
    }

    /// Reads some parts, and the parts that another value has.
    convenience init(_ bytes: [UInt8], adding parts: SelectorParts, to other: MessageContent) {
        self.init(bytes, parts.union(other.parts))
    }

    /// The size of the object, and of the headers of its arrays.
    private static let baseSize = 160

    /// The message as a selector sees it after a number of failed deliveries.
    /// - Parameter added: annotations that consumers have added to the message (AMQP 1.0, 3.4.5); they replace those with the
    ///   same key.
    func subject(failures: UInt32, adding added: Annotations = [:]) -> Subject {
        Subject(content: self, failures: failures, added: added)
    }

    struct Subject: SelectorSubject {
        fileprivate let content: MessageContent
        fileprivate let failures: UInt32
        fileprivate let added: Annotations

        func applicationProperty(_ name: String) -> AMQPValue? { content.properties[name] }

        func annotation(_ key: AnnotationKey) -> AMQPValue? { added[key] ?? content.annotations[key] }

        func field(_ field: SelectorField) -> SelectorValue {
            let value = content.fields.first { $0.field == field }?.value ?? .null
            switch (field, value) {
            // Failed deliveries here are added to the message's own count.
            case (.deliveryCount, .exact(let count)), (.deliveryNumber, .exact(let count)):
                return .exact(count + Int64(failures))
            case (.redelivered, .boolean(let flag)): return .boolean(flag || failures > 0)
            default: return value
            }
        }
    }
}

extension SelectorValue {
    /// The value of a field of a message, as it arrived.
    fileprivate init(_ field: SelectorField, of message: Message) {
        switch field {
        case .durable: self = .boolean(message.isDurable)
        case .deliveryMode: self = .string(message.isDurable ? "PERSISTENT" : "NON_PERSISTENT")
        case .priority: self = .exact(Int64(message.priority))
        case .timeToLive: self = message.timeToLive.map { .exact($0.milliseconds) } ?? .null
        case .firstAcquirer: self = .boolean(message.isFirstAcquirer)
        case .deliveryCount: self = .exact(Int64(message.deliveryCount))
        case .deliveryNumber: self = .exact(Int64(message.deliveryCount) + 1)
        case .redelivered: self = .boolean(message.deliveryCount > 0)
        case .messageID: self.init(message.id?.value)
        case .correlationID: self.init(message.correlationID?.value)
        case .userID: self = message.userID.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null
        case .to: self.init(message.address)
        case .subject: self.init(message.subject)
        case .replyTo: self.init(message.replyTo)
        case .contentType: self.init(message.contentType?.name)
        case .contentEncoding: self.init(message.contentEncoding?.name)
        case .absoluteExpiryTime: self = message.expiryTime.map { .exact($0.milliseconds) } ?? .null
        case .creationTime: self = message.creationTime.map { .exact($0.milliseconds) } ?? .null
        case .groupID: self.init(message.groupID)
        case .groupSequence: self = message.groupSequence.map { .exact(Int64($0)) } ?? .null
        case .replyToGroupID: self.init(message.replyToGroupID)
        }
    }

    private init(_ text: String?) { self = text.map { .string($0) } ?? .null }
}

// The approximate heap size in bytes of decoded parts of a message, with the layout of 64-bit Swift. They are estimates for
// limits: the allocator's overhead is taken as that of 16-byte steps.

extension String {
    /// The bytes outside of the value: none for a string of up to 15 bytes.
    fileprivate var heapSize: Int { utf8.count <= 15 ? 0 : allocation(utf8.count + 1) }
}

extension AMQPValue {
    /// The bytes outside of the value.
    fileprivate var heapSize: Int {
        switch self {
        case .string(let text): text.heapSize
        case .symbol(let symbol): symbol.name.heapSize
        case .binary(let bytes): bytes.isEmpty ? 0 : allocation(bytes.count)
        case .list(let values): AMQPValue.heapSize(values)
        case .array(let array): AMQPValue.heapSize(array.elements)
        case .map(let map): map.memory
        case .described(let described): allocation(64) + described.descriptor.heapSize + described.value.heapSize
        default: 0
        }
    }

    private static func heapSize(_ values: [AMQPValue]) -> Int {
        values.reduce(values.isEmpty ? 0 : allocation(values.count * MemoryLayout<AMQPValue>.stride)) {
            $0 + $1.heapSize
        }
    }
}

extension OrderedMap {
    /// The bytes of the pairs, and of their heap objects.
    var memory: Int {
        guard !isEmpty else { return 0 }
        return reduce(allocation(count * MemoryLayout<(Key, AMQPValue)>.stride)) { sum, pair in
            sum + pair.key.amqpValue.heapSize + pair.value.heapSize
        }
    }
}

extension SelectorValue {
    /// The bytes outside of the value.
    var memory: Int {
        if case .string(let text) = self { text.heapSize } else { 0 }
    }
}

/// The size of an object or array on the heap, with its header of 32 bytes.
private func allocation(_ size: Int) -> Int { (size + 32 + 15) & ~15 }
