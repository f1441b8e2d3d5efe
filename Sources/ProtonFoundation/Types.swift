// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import FoundationEssentials

// Foundation's UUID, Date, Data and URL as AMQP's values, and back.

// MARK: UUID

extension UUID: AMQPValueConvertible {
    /// A `uuid`.
    public var amqpValue: AMQPValue { .uuid(AMQPUUID(self)) }

    /// The identifier of the same 16 bytes.
    public init(_ uuid: AMQPUUID) { self.init(uuid: uuid.octets) }

    /// The identifier that a `uuid` is, or nil when the value is of another type.
    public init?(_ value: AMQPValue) {
        guard case .uuid(let uuid) = value else { return nil }
        self.init(uuid)
    }

    /// The identifier that a message's is, or nil when that is no UUID.
    public init?(_ id: MessageID) {
        guard case .uuid(let uuid) = id else { return nil }
        self.init(uuid)
    }
}

extension AMQPUUID {
    /// The identifier of the same 16 bytes.
    public init(_ uuid: UUID) { self.init(uuid.uuid) }

    fileprivate var octets: uuid_t {
        func byte(_ half: UInt64, _ shift: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: half >> shift) }
        return (
            byte(high, 56), byte(high, 48), byte(high, 40), byte(high, 32), byte(high, 24), byte(high, 16),
            byte(high, 8), byte(high, 0), byte(low, 56), byte(low, 48), byte(low, 40), byte(low, 32), byte(low, 24),
            byte(low, 16), byte(low, 8), byte(low, 0)
        )
    }
}

extension MessageID {
    /// A universally unique identifier.
    public init(_ value: UUID) { self = .uuid(AMQPUUID(value)) }
}

// MARK: Date

extension Date: AMQPValueConvertible {
    /// A `timestamp`, of whole milliseconds.
    public var amqpValue: AMQPValue { .timestamp(Timestamp(self)) }

    /// The point in time of a timestamp.
    public init(_ timestamp: Timestamp) {
        self.init(timeIntervalSince1970: Double(timestamp.milliseconds) / 1_000)
    }

    /// The point in time that a `timestamp` is, or nil when the value is of another type.
    public init?(_ value: AMQPValue) {
        guard case .timestamp(let timestamp) = value else { return nil }
        self.init(timestamp)
    }
}

extension Timestamp {
    /// The point in time of a date, to the nearest millisecond.
    ///
    /// A date beyond what 64 bits of milliseconds hold becomes the nearest that they do, and one that is not a number
    /// becomes 1970.
    public init(_ date: Date) {
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded()
        self.init(milliseconds: Int64(exactly: milliseconds) ?? (milliseconds > 0 ? .max : milliseconds < 0 ? .min : 0))
    }
}

// MARK: Data

extension Data: AMQPValueConvertible {
    /// A `binary`.
    public var amqpValue: AMQPValue { .binary([UInt8](self)) }

    /// The bytes of a `binary`, or nil when the value is of another type.
    public init?(_ value: AMQPValue) {
        guard case .binary(let bytes) = value else { return nil }
        self.init(bytes)
    }
}

// MARK: URL

extension URL: AMQPValueConvertible {
    /// A `string`: the URL's absolute text.
    public var amqpValue: AMQPValue { .string(absoluteString) }

    /// The URL that a `string` is the text of, or nil when it is not one, or the value is of another type.
    public init?(_ value: AMQPValue) {
        guard case .string(let text) = value else { return nil }
        self.init(string: text)
    }
}
