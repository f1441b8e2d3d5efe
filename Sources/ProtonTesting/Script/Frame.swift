// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// A frame of AMQP 1.0, or a protocol header, as a `ScriptedPeer` sends and expects it (Transport, sections 2.2 and 2.3).
///
///     Frame.open("peer", ["max-frame-size": 512])
///     Frame(.detach, ["handle": 0, "closed": true])
///
/// Fields have the names of the specification; those not given are null. A number is converted to the field's type, and a string
/// to a symbol if the field is one, so that literals can be used.
public struct Frame: Sendable, Hashable {
    /// The kind of a frame: a performative, a protocol header, or a frame without a performative.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The header of AMQP 1.0.0.
        case amqpHeader = "AMQP header"
        /// The header of SASL.
        case saslHeader = "SASL header"
        /// The header of another protocol, or of another version: the payload is the last four bytes of the header.
        case otherHeader = "other header"
        /// A frame without a body: a heartbeat.
        case empty = "empty frame"
        /// A frame whose body is not a performative: the payload is the body.
        case other = "other frame"

        /// The performative that opens a connection (2.7.1).
        case open
        /// The performative that begins a session (2.7.2).
        case begin
        /// The performative that attaches a link (2.7.3).
        case attach
        /// The performative that gives credit, and tells windows (2.7.4).
        case flow
        /// The performative with a message, or a part of one (2.7.5).
        case transfer
        /// The performative with a state of deliveries (2.7.6).
        case disposition
        /// The performative that detaches or closes a link (2.7.7).
        case detach
        /// The performative that ends a session (2.7.8).
        case end
        /// The performative that closes a connection (2.7.9).
        case close
        /// The mechanisms that a server offers (Security, section 5.3.3.1).
        case saslMechanisms = "sasl-mechanisms"
        /// The mechanism that a client chooses (Security, section 5.3.3.2).
        case saslInit = "sasl-init"
        /// What a server asks (Security, section 5.3.3.3).
        case saslChallenge = "sasl-challenge"
        /// What a client answers (Security, section 5.3.3.4).
        case saslResponse = "sasl-response"
        /// How a log-in has ended (Security, section 5.3.3.5).
        case saslOutcome = "sasl-outcome"
    }

    /// The kind of the frame.
    public var kind: Kind
    /// The channel; 0 unless it belongs to a session.
    public var channel: UInt16
    /// The bytes after the performative: in a transfer, the message or a part of it.
    public var payload: [UInt8]
    /// The performative's fields, in order; those at the end may be missing.
    package var fields: [AMQPValue] = []
    /// Names that were given and are not fields of the performative.
    private var unknownNames: [String] = []

    /// Creates a frame.
    /// - Parameters:
    ///   - kind: the kind of the frame.
    ///   - fields: the performative's fields by name; if a name is repeated, the last value is used.
    ///   - channel: the channel.
    ///   - payload: the bytes after the performative.
    public init(
        _ kind: Kind, _ fields: KeyValuePairs<String, AMQPValue> = [:], channel: UInt16 = 0, payload: [UInt8] = []
    ) {
        (self.kind, self.channel, self.payload) = (kind, channel, payload)
        for (name, value) in fields { self[name] = value }
    }

    /// The header of AMQP 1.0.0.
    public static let amqpHeader = Frame(.amqpHeader)
    /// The header of SASL.
    public static let saslHeader = Frame(.saslHeader)

    /// A field by its name in the specification, as in `frame["container-id"]`; null if it is absent.
    public subscript(name: String) -> AMQPValue {
        get {
            guard let index = kind.shape?.index(of: name), index < fields.count else { return .null }
            return fields[index]
        }
        set {
            guard let shape = kind.shape, let index = shape.index(of: name) else { return unknownNames.append(name) }
            while fields.count <= index { fields.append(.null) }
            fields[index] = shape.fields[index].convert(newValue)
        }
    }

    /// The error of a detach, an end or a close; nil if there is none.
    public var condition: Condition? { try? Condition(described: self["error"]) }

    /// The state of a transfer or a disposition; nil if there is none.
    public var state: DeliveryState? { try? DeliveryState(described: self["state"]) }

    /// The message of a transfer.
    /// - Throws: `CodecError` if the payload is not a complete message.
    public func message() throws -> Message { try Message(decoding: payload) }

    /// Checks the names of the fields.
    /// - Throws: `ProtonError.Code.invalidArgument` with the first name that is not a field.
    func checkNames() throws {
        guard let name = unknownNames.first else { return }
        let names = kind.shape?.fields.map(\.name).joined(separator: ", ") ?? "none"
        throw ProtonError(
            .invalidArgument, "The field \"\(name)\" is none of \(kind.rawValue): its fields are \(names).")
    }

    /// Encodes the frame.
    /// - Throws: `ProtonError.Code.invalidArgument` for a field that the performative does not have; `CodecError` for values that
    ///   cannot be encoded.
    public func encoded() throws -> [UInt8] {
        try checkNames()
        switch kind {
        case .amqpHeader: return Frame.protocolName + [0, 1, 0, 0]
        case .saslHeader: return Frame.protocolName + [3, 1, 0, 0]
        case .otherHeader: return Frame.protocolName + payload
        case .empty, .other: return Frame.framed(payload, channel: channel)
        default:
            let code = kind.shape?.code ?? 0
            let performative = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
            return Frame.framed(try performative.encoded() + payload, type: kind.isSASL ? 1 : 0, channel: channel)
        }
    }

    /// A frame whose body is any bytes.
    package static func framed(_ body: [UInt8], type: UInt8 = 0, channel: UInt16 = 0) -> [UInt8] {
        let size = UInt32(clamping: body.count + 8)
        return withUnsafeBytes(of: size.bigEndian, Array.init) + [2, type, UInt8(channel >> 8), UInt8(channel & 255)]
            + body
    }

    static let protocolName = Array("AMQP".utf8)
}

extension Frame.Kind {
    /// Whether it belongs to the SASL layer (Security, section 5.3).
    var isSASL: Bool {
        switch self {
        case .saslMechanisms, .saslInit, .saslChallenge, .saslResponse, .saslOutcome: true
        default: false
        }
    }
}
