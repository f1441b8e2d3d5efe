// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

@testable import AMQP

extension PropertyGenerator {
    /// A message with about half of the fields set.
    ///
    /// For proton, fields have no value that it takes for absent (0, nothing, a text with a zero byte), bodies are of
    /// one section, there is no footer, because `pn_message_t` drops it, and a group comes with its sequence, which
    /// proton sends anyway.
    mutating func message() -> Message {
        let groupID = maybe { $0.fieldText() }
        let sequence = maybe { UInt32.random(in: 1 ... .max, using: &$0.random) }
        return Message(
            id: maybe { $0.messageID() },
            body: body(),
            address: maybe { $0.fieldText() },
            subject: maybe { $0.fieldText() },
            replyTo: maybe { $0.fieldText() },
            correlationID: maybe { $0.messageID() },
            properties: maybe { $0.applicationProperties() } ?? [:],
            annotations: maybe { $0.annotations() } ?? [:],
            contentType: maybe { $0.symbol() },
            contentEncoding: maybe { $0.symbol() },
            isDurable: chance(2),
            priority: chance(2) ? 4 : integer(),
            timeToLive: maybe { .milliseconds(UInt32.random(in: 1 ... .max, using: &$0.random)) },
            isFirstAcquirer: chance(2),
            deliveryCount: chance(2) ? 0 : integer(),
            userID: maybe { $0.bytes() + [1] },
            expiryTime: maybe { $0.fieldTime() },
            creationTime: maybe { $0.fieldTime() },
            groupID: groupID,
            groupSequence: sequence ?? (scope == .proton && groupID != nil ? 1 : nil),
            replyToGroupID: maybe { $0.fieldText() },
            deliveryAnnotations: maybe { $0.annotations() } ?? [:],
            footer: scope == .proton ? [:] : maybe { $0.annotations() } ?? [:])
    }

    mutating func body() -> Message.Body {
        switch random.below(scope == .proton ? 3 : 5) {
        case 0: .value(value())
        case 1: .data(bytes())
        case 2: .sequence(value(depth: 2).listValue ?? [])
        case 3: .dataSections((0..<3).map { _ in bytes() })
        default: .sequenceSections([[value(depth: 1)], [], [value(depth: 1), value(depth: 1)]])
        }
    }

    mutating func messageID() -> MessageID {
        switch random.below(4) {
        case 0: .ulong(integer())
        case 1: .uuid(uuid())
        case 2: .binary(bytes())
        default: .string(text())
        }
    }

    mutating func applicationProperties() -> ApplicationProperties {
        ApplicationProperties((0..<(1 + random.below(5))).map { _ in (text(), simple()) })
    }

    /// A value that an application property may have.
    private mutating func simple() -> AMQPValue {
        chance(8) ? .described(Described(descriptor: .symbol(symbol()), value: scalar())) : scalar()
    }

    mutating func annotations() -> Annotations {
        Annotations(
            (0..<(1 + random.below(5))).map { _ in
                (chance(4) ? .ulong(integer()) : .symbol(symbol()), value(depth: 1))
            })
    }

    private mutating func fieldText() -> String {
        text().replacing("\0", with: "0")
    }

    private mutating func fieldTime() -> Timestamp {
        let time = timestamp()
        return time.milliseconds == 0 ? 1 : time
    }
}
