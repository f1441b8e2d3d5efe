import AMQP

/// A frame of AMQP 1.0 (Transport, section 2.3), for tests that speak to the engine in bytes.
struct Frame: Equatable, CustomStringConvertible {
    var type: UInt8 = 0
    var channel: UInt16 = 0
    /// The descriptor of the performative; nil is an empty frame.
    var code: UInt64?
    var fields: [AMQPValue] = []
    var payload: [UInt8] = []

    static let header: [UInt8] = Array("AMQP".utf8) + [0, 1, 0, 0]
    static let saslHeader: [UInt8] = Array("AMQP".utf8) + [3, 1, 0, 0]

    var bytes: [UInt8] {
        let performative = code.map { code in
            AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
        }
        let body = ((try? performative?.encoded()) ?? []) + payload
        return Frame.raw(type: type, channel: channel, body)
    }

    var description: String { "\(code.map { String($0, radix: 16) } ?? "empty")\(fields)" }

    /// A frame around any bytes.
    static func raw(type: UInt8 = 0, channel: UInt16 = 0, _ body: [UInt8]) -> [UInt8] {
        let size = UInt32(body.count + 8)
        return withUnsafeBytes(of: size.bigEndian, Array.init) + [2, type, UInt8(channel >> 8), UInt8(channel & 255)]
            + body
    }

    /// A field, null where there are fewer.
    subscript(_ index: Int) -> AMQPValue { index < fields.count ? fields[index] : .null }

    /// The condition of a close, end or detach frame.
    var condition: Condition? {
        let value: AMQPValue =
            switch code {
            case 0x16: self[2]
            case 0x17, 0x18: self[0]
            default: .null
            }
        return try? Condition(described: value)
    }

    // MARK: The performatives

    static func open(_ container: String = "raw", _ more: AMQPValue...) -> Frame {
        Frame(code: 0x10, fields: [.string(container)] + more)
    }

    static func begin(channel: UInt16 = 0, remote: UInt16? = nil, window: UInt32 = 1_000) -> Frame {
        Frame(
            channel: channel, code: 0x11,
            fields: [remote.map { .ushort($0) } ?? .null, .uint(0), .uint(window), .uint(window)])
    }

    /// An attach of a sender, or of a receiver.
    static func attach(
        channel: UInt16 = 0, _ name: String = "link", handle: UInt32 = 0, isReceiver: Bool = false,
        target: AMQPValue = .described(Described(descriptor: .ulong(0x29), value: ["target"]))
    ) -> Frame {
        let source = AMQPValue.described(Described(descriptor: .ulong(0x28), value: ["source"]))
        return Frame(
            channel: channel, code: 0x12,
            fields: [
                .string(name), .uint(handle), .boolean(isReceiver), .null, .null, source, target, .null, .null,
                isReceiver ? .null : .uint(0),
            ])
    }

    /// A flow of a link.
    static func flow(
        channel: UInt16 = 0, handle: UInt32? = 0, deliveryCount: UInt32 = 0, credit: UInt32 = 0, drain: Bool = false,
        window: UInt32 = 1_000
    ) -> Frame {
        Frame(
            channel: channel, code: 0x13,
            fields: [
                .uint(0), .uint(window), .uint(0), .uint(window), handle.map { .uint($0) } ?? .null,
                .uint(deliveryCount), .uint(credit), .null, .boolean(drain),
            ])
    }

    static func transfer(
        channel: UInt16 = 0, handle: UInt32 = 0, id: UInt32?, tag: [UInt8]? = [1], more: Bool = false,
        isSettled: Bool = false, isAborted: Bool = false, _ payload: [UInt8] = Frame.message
    ) -> Frame {
        Frame(
            channel: channel, code: 0x14,
            fields: [
                .uint(handle), id.map { .uint($0) } ?? .null, tag.map { .binary($0) } ?? .null, .uint(0),
                .boolean(isSettled), .boolean(more), .null, .null, .null, .boolean(isAborted),
            ], payload: payload)
    }

    static func disposition(
        channel: UInt16 = 0, isReceiver: Bool, _ first: UInt32, _ last: UInt32? = nil, isSettled: Bool = true,
        _ state: AMQPValue = .described(Described(descriptor: .ulong(0x24), value: []))
    ) -> Frame {
        Frame(
            channel: channel, code: 0x15,
            fields: [
                .boolean(isReceiver), .uint(first), last.map { .uint($0) } ?? .null, .boolean(isSettled), state,
            ])
    }

    static func detach(channel: UInt16 = 0, handle: UInt32 = 0, closed: Bool = true) -> Frame {
        Frame(channel: channel, code: 0x16, fields: [.uint(handle), .boolean(closed)])
    }

    static func end(channel: UInt16 = 0) -> Frame { Frame(channel: channel, code: 0x17) }

    static let close = Frame(code: 0x18)

    /// A message whose body is null: the smallest there is.
    static let message: [UInt8] = [0, 0x53, 0x77, 0x40]

    // MARK: Reading

    /// The frames in bytes, after protocol headers; an incomplete frame at the end is left out.
    static func parse(_ bytes: [UInt8]) -> [Frame] {
        var frames: [Frame] = []
        var rest = bytes[...]
        while rest.count >= 8 {
            if rest.starts(with: Array("AMQP".utf8)) {
                rest = rest.dropFirst(8)
                continue
            }
            let size = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, size <= rest.count else { break }
            let start = rest.startIndex
            let body = Array(rest[(start + Int(rest[start + 4]) * 4)..<(start + size)])
            var frame = Frame(type: rest[start + 5], channel: UInt16(rest[start + 6]) << 8 | UInt16(rest[start + 7]))
            // A transfer's payload is no value of its own: what is left of it is the message.
            if let performative = try? AMQPValue.sequence(decoding: body).first,
                case .described(let described) = performative, case .list(let fields) = described.value
            {
                frame.code = described.descriptor.integer(as: UInt64.self)
                frame.fields = fields
                frame.payload = Array(body.dropFirst((try? performative.encoded().count) ?? 0))
            }
            frames.append(frame)
            rest = rest.dropFirst(size)
        }
        return frames
    }
}
