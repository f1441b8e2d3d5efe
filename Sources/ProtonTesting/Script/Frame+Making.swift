// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

// The most common frames of scripts, with their usual fields. `fields` sets others, or removes one with `.null`.

extension Frame {
    /// An open frame.
    public static func open(_ containerID: String = "scripted", _ fields: KeyValuePairs<String, AMQPValue> = [:])
        -> Frame
    {
        Frame(.open, ["container-id": .string(containerID)]).with(fields)
    }

    /// A begin frame that starts a session, with an incoming window of 10,000 transfers.
    public static func begin(channel: UInt16 = 0, _ fields: KeyValuePairs<String, AMQPValue> = [:]) -> Frame {
        Frame(.begin, ["next-outgoing-id": 0, "incoming-window": 10_000, "outgoing-window": 10_000], channel: channel)
            .with(fields)
    }

    /// The begin frame that answers another one.
    public static func begin(answering other: Frame, channel: UInt16 = 0) -> Frame {
        begin(channel: channel, ["remote-channel": .ushort(other.channel)])
    }

    /// An attach frame of a link that sends to an address.
    public static func attach(
        sendingTo address: String, name: String = "link", handle: UInt32 = 0, channel: UInt16 = 0,
        _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        Frame(
            .attach,
            [
                "name": .string(name), "handle": .uint(handle), "role": false, "source": .source(nil),
                "target": .target(address), "initial-delivery-count": 0,
            ], channel: channel
        ).with(fields)
    }

    /// An attach frame of a link that receives from an address.
    public static func attach(
        receivingFrom address: String, name: String = "link", handle: UInt32 = 0, channel: UInt16 = 0,
        _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        Frame(
            .attach,
            [
                "name": .string(name), "handle": .uint(handle), "role": true, "source": .source(address),
                "target": .target(nil),
            ], channel: channel
        ).with(fields)
    }

    /// The attach frame that answers another one: the other end of the same link, with the requested modes, source and target.
    /// - Parameters:
    ///   - other: the attach frame of the peer.
    ///   - handle: the handle of this side; nil means the same as that of the other side.
    ///   - channel: the channel of this side.
    public static func attach(answering other: Frame, handle: UInt32? = nil, channel: UInt16 = 0) -> Frame {
        var frame = Frame(.attach, channel: channel)
        for name in ["name", "handle", "snd-settle-mode", "rcv-settle-mode", "source", "target"] {
            frame[name] = other[name]
        }
        if let handle { frame["handle"] = .uint(handle) }
        let isReceiver = other["role"] != true
        frame["role"] = .boolean(isReceiver)
        if !isReceiver { frame["initial-delivery-count"] = 0 }
        return frame
    }

    /// A flow frame that grants credit to a link.
    /// - Parameters:
    ///   - credit: the credit of the link.
    ///   - handle: the handle of this side.
    ///   - channel: the channel of this side.
    ///   - fields: set `delivery-count` to the number of messages that have arrived, if any have.
    public static func flow(
        credit: UInt32, handle: UInt32 = 0, channel: UInt16 = 0, _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        Frame(
            .flow,
            [
                "next-incoming-id": 0, "incoming-window": 10_000, "next-outgoing-id": 0, "outgoing-window": 10_000,
                "handle": .uint(handle), "delivery-count": 0, "link-credit": .uint(credit),
            ], channel: channel
        ).with(fields)
    }

    /// A transfer frame with the bytes of a message.
    public static func transfer(
        _ id: UInt32, payload: [UInt8], handle: UInt32 = 0, channel: UInt16 = 0,
        _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        Frame(
            .transfer,
            [
                "handle": .uint(handle), "delivery-id": .uint(id),
                "delivery-tag": .binary(withUnsafeBytes(of: id.bigEndian, Array.init)), "message-format": 0,
                "settled": false,
            ], channel: channel, payload: payload
        ).with(fields)
    }

    /// A transfer frame with a message.
    /// - Throws: `CodecError` if the message cannot be encoded.
    public static func transfer(
        _ id: UInt32, _ message: Message, handle: UInt32 = 0, channel: UInt16 = 0,
        _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) throws -> Frame {
        transfer(id, payload: try message.encoded(), handle: handle, channel: channel).with(fields)
    }

    /// A disposition frame that settles deliveries with a state.
    /// - Parameters:
    ///   - state: the state of the deliveries.
    ///   - first: the id of the first delivery, and of the last one unless the fields give another.
    ///   - isReceiver: whether this side is the receiver of the deliveries. Default true.
    ///   - channel: the channel of this side.
    ///   - fields: other fields, or other values of these.
    public static func disposition(
        _ state: DeliveryState, _ first: UInt32, isReceiver: Bool = true, channel: UInt16 = 0,
        _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        Frame(
            .disposition,
            ["role": .boolean(isReceiver), "first": .uint(first), "settled": true, "state": .state(state)],
            channel: channel
        ).with(fields)
    }

    /// A detach frame that closes a link.
    public static func detach(
        handle: UInt32 = 0, error: Condition? = nil, channel: UInt16 = 0,
        _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        Frame(.detach, ["handle": .uint(handle), "closed": true], channel: channel).failing(with: error).with(fields)
    }

    /// An end frame.
    public static func end(error: Condition? = nil, channel: UInt16 = 0) -> Frame {
        Frame(.end, channel: channel).failing(with: error)
    }

    /// A close frame.
    public static func close(error: Condition? = nil) -> Frame {
        Frame(.close).failing(with: error)
    }

    /// The SASL mechanisms that a server offers.
    public static func saslMechanisms(_ names: Symbol...) -> Frame {
        Frame(.saslMechanisms, ["sasl-server-mechanisms": .array(AMQPArray(names))])
    }

    /// The SASL mechanism that a client chooses.
    public static func saslInit(_ mechanism: Symbol, response: [UInt8]? = nil) -> Frame {
        var frame = Frame(.saslInit, ["mechanism": .symbol(mechanism)])
        if let response { frame["initial-response"] = .binary(response) }
        return frame
    }

    /// The outcome of SASL: 0 is success, 1 is wrong credentials (Security, section 5.3.3.6).
    public static func saslOutcome(_ code: UInt8) -> Frame {
        Frame(.saslOutcome, ["code": .ubyte(code)])
    }

    private func failing(with error: Condition?) -> Frame {
        error.map { with(["error": .error($0)]) } ?? self
    }

    private func with(_ fields: KeyValuePairs<String, AMQPValue>) -> Frame {
        var frame = self
        for (name, value) in fields { frame[name] = value }
        return frame
    }
}

// Values for the fields of frames.
extension AMQPValue {
    /// A source with an address, or without one.
    public static func source(_ address: String?) -> AMQPValue { list(0x28, address) }

    /// A target with an address, or without one.
    public static func target(_ address: String?) -> AMQPValue { list(0x29, address) }

    /// An error.
    public static func error(_ condition: Condition) -> AMQPValue { condition.described }

    /// A delivery's state.
    public static func state(_ state: DeliveryState) -> AMQPValue { state.described }

    private static func list(_ code: UInt64, _ address: String?) -> AMQPValue {
        .described(Described(descriptor: .ulong(code), value: .list(address.map { [.string($0)] } ?? [])))
    }
}
