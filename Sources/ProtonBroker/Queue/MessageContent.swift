import Proton
import ProtonUtilities

/// What selectors ask of a message, read from its bytes once; immutable but for what further selectors ask.
///
/// The body is not kept: a queue of large messages would take twice the memory.
final class MessageContent: Sendable {
    private let properties: ApplicationProperties
    private let fields: [SelectorField: SelectorValue]

    /// Reads what a selector asks for; bytes that are no valid message have nothing.
    init(_ bytes: [UInt8], _ fields: Set<SelectorField>) {
        guard let message = try? Message(decoding: bytes) else {
            (properties, self.fields) = ([:], Dictionary(uniqueKeysWithValues: fields.map { ($0, .unknown) }))
            return
        }
        properties = message.properties
        self.fields = Dictionary(uniqueKeysWithValues: fields.map { ($0, SelectorValue($0, of: message)) })
    }

    /// Reads more fields than another one holds.
    convenience init(_ bytes: [UInt8], adding fields: Set<SelectorField>, to other: MessageContent) {
        self.init(bytes, fields.union(other.fields.keys))
    }

    /// Whether fields were read.
    func has(_ wanted: Set<SelectorField>) -> Bool { wanted.allSatisfy { fields[$0] != nil } }

    /// What a selector sees of the message after some deliveries that failed.
    func subject(failures: UInt32) -> Subject { Subject(content: self, failures: failures) }

    struct Subject: SelectorSubject {
        let content: MessageContent
        let failures: UInt32

        func applicationProperty(_ name: String) -> AMQPValue? { content.properties[name] }

        func field(_ field: SelectorField) -> SelectorValue {
            let value = content.fields[field] ?? .unknown
            switch (field, value) {
            // What failed here counts on top of what the message came with.
            case (.deliveryCount, .exact(let count)), (.deliveryNumber, .exact(let count)):
                return .exact(count + Int64(failures))
            case (.redelivered, .boolean(let flag)): return .boolean(flag || failures > 0)
            default: return value
            }
        }
    }
}

extension SelectorValue {
    /// The value of a field of a message, as it came.
    fileprivate init(_ field: SelectorField, of message: Message) {
        switch field {
        case .durable: self = .boolean(message.isDurable)
        case .deliveryMode: self = .string(message.isDurable ? "PERSISTENT" : "NON_PERSISTENT")
        case .priority: self = .exact(Int64(message.priority))
        case .timeToLive: self = message.timeToLive.map { .exact($0.milliseconds) } ?? .unknown
        case .firstAcquirer: self = .boolean(message.isFirstAcquirer)
        case .deliveryCount: self = .exact(Int64(message.deliveryCount))
        case .deliveryNumber: self = .exact(Int64(message.deliveryCount) + 1)
        case .redelivered: self = .boolean(message.deliveryCount > 0)
        case .messageID: self.init(message.id?.value)
        case .correlationID: self.init(message.correlationID?.value)
        case .userID: self = message.userID.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .unknown
        case .to: self.init(message.address)
        case .subject: self.init(message.subject)
        case .replyTo: self.init(message.replyTo)
        case .contentType: self.init(message.contentType?.name)
        case .contentEncoding: self.init(message.contentEncoding?.name)
        case .absoluteExpiryTime: self = message.expiryTime.map { .exact($0.milliseconds) } ?? .unknown
        case .creationTime: self = message.creationTime.map { .exact($0.milliseconds) } ?? .unknown
        case .groupID: self.init(message.groupID)
        case .groupSequence: self = message.groupSequence.map { .exact(Int64($0)) } ?? .unknown
        case .replyToGroupID: self.init(message.replyToGroupID)
        }
    }

    private init(_ text: String?) { self = text.map { .string($0) } ?? .unknown }
}
