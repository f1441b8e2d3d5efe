// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

/// What a peer says in one round: most frames are legal where they come, some are not, and few are no frames at all.
///
/// It knows what is open on its side, and answers what the other side opens, so that rounds reach deep states.
struct RandomFrames {
    /// A link as this peer has attached it.
    private struct Link {
        var isSender: Bool
        var name: String
        /// The delivery whose end has not been sent.
        var partial: UInt32?
    }

    private struct Session {
        var links: [UInt32: Link] = [:]
        var nextDelivery: UInt32 = 0
    }

    private(set) var random: Random
    /// Whether the frames are a server's: it answers what the client begins, and begins nothing of its own mostly.
    private let isServer: Bool
    /// How many frames of 100 break a rule; 0 makes rounds that a correct peer could have.
    private let wildness: Int
    private var sessions: [UInt16: Session] = [:]

    init(_ random: Random, isServer: Bool) {
        self.random = random
        self.isServer = isServer
        wildness = self.random.pick(0, 2, 10)
    }

    // MARK: What the other side says

    /// Answers a frame of the other side's, as a peer has to; sometimes not at all.
    mutating func answer(_ frame: Frame) -> [[UInt8]] {
        if random.chance(3) { return [] }
        switch frame.kind {
        case .open: return isServer ? [open()] : []
        case .begin where frame["remote-channel"].isNull:
            sessions[frame.channel] = Session()
            return [bytes(.begin(answering: frame, channel: frame.channel))]
        case .attach:
            let handle = UInt32(frame["handle"].integer(as: UInt32.self) ?? 0)
            let name = frame["name"].stringValue ?? ""
            let isSender = frame["role"] == true
            let isOurs = sessions[frame.channel]?.links.contains {
                $0.value.name == name && $0.value.isSender == isSender
            }
            if isOurs == true { return [] }
            sessions[frame.channel, default: Session()].links[handle] = Link(isSender: isSender, name: name)
            let attach = bytes(.attach(answering: frame, channel: frame.channel))
            let credit = Frame.flow(credit: UInt32(random.below(50)), handle: handle, channel: frame.channel)
            return isSender ? [attach] : [attach, bytes(credit)]
        case .detach:
            let handle = UInt32(frame["handle"].integer(as: UInt32.self) ?? 0)
            guard sessions[frame.channel]?.links.removeValue(forKey: handle) != nil else { return [] }
            return [bytes(.detach(handle: handle, channel: frame.channel))]
        case .end:
            guard sessions.removeValue(forKey: frame.channel) != nil else { return [] }
            return [bytes(.end(channel: frame.channel))]
        case .close: return [bytes(.close())]
        default: return []
        }
    }

    // MARK: What it says by itself

    /// The open frame, with random limits.
    mutating func open() -> [UInt8] {
        var frame = Frame.open("fuzz-\(random.below(3))")
        if random.chance(50) { frame["max-frame-size"] = .uint(random.pick(512, 513, 4_096, 65_536, .max, 0)) }
        if random.chance(30) { frame["channel-max"] = .ushort(random.pick(0, 1, 100, .max)) }
        if random.chance(30) { frame["idle-time-out"] = .uint(random.pick(1_000, 30_000, .max)) }
        if random.chance(wildness) { frame["idle-time-out"] = .uint(random.pick(0, 1, 50)) }
        if random.chance(20) { frame["properties"] = value(depth: 2) }
        return bytes(frame)
    }

    /// The next frame as bytes.
    mutating func next() -> [UInt8] {
        if random.chance(wildness), let wild = wildFrame() { return wild }
        let frame = legalFrame()
        var bytes = bytes(frame)
        // Some bytes are wrong; the frame's size stays, so that more than the header is looked at.
        if random.chance(wildness), bytes.count > 8 {
            for _ in 0...random.below(3) {
                bytes[8 + random.below(bytes.count - 8)] = random.pick(
                    0, 0x40, 0x41, 0x45, 0x70, 0xc0, 0xd0, 0xf0, 0xff)
            }
        }
        return bytes
    }

    private mutating func legalFrame() -> Frame {
        let channel = UInt16(random.below(3))
        guard var session = sessions[channel] else {
            if isServer && sessions.isEmpty || random.chance(30) { return Frame(.empty) }
            sessions[channel] = Session()
            return .begin(
                channel: channel,
                [
                    "incoming-window": .uint(random.pick(0, 1, 100, .max)),
                    "next-outgoing-id": .uint(random.pick(0, 0, .max)),
                ])
        }
        defer { if sessions[channel] != nil { sessions[channel] = session } }
        let handle = UInt32(random.below(5))
        guard let link = session.links[handle] else { return attach(handle, channel, &session) }
        switch random.below(100) {
        case 0..<6:
            session.links[handle] = nil
            return .detach(
                handle: handle, error: random.chance(30) ? "fuzz:error" : nil, channel: channel,
                [
                    "closed": .boolean(random.chance(60))
                ])
        case 6..<8:
            sessions[channel] = nil
            return .end(channel: channel)
        case 8..<30: return flow(handle, channel)
        case 30..<50: return disposition(channel)
        default:
            return link.isSender ? transfer(handle, channel, &session) : flow(handle, channel)
        }
    }

    private mutating func attach(_ handle: UInt32, _ channel: UInt16, _ session: inout Session) -> Frame {
        let isSender = random.chance(50)
        let name = "link-\(random.below(8))"
        if session.links.contains(where: { $0.value.name == name && $0.value.isSender == isSender }) {
            return Frame(.empty)
        }
        session.links[handle] = Link(isSender: isSender, name: name)
        let address = random.pick("fuzz", "fuzz", "other", "", "a/b/#", "$management", "\u{202e}\u{1b}[2J")
        var frame =
            isSender
            ? Frame.attach(sendingTo: address, name: name, handle: handle, channel: channel)
            : Frame.attach(receivingFrom: address, name: name, handle: handle, channel: channel)
        if random.chance(20) { frame["snd-settle-mode"] = .ubyte(random.pick(0, 1, 2)) }
        if random.chance(20) { frame["rcv-settle-mode"] = .ubyte(random.pick(0, 1)) }
        if random.chance(10) { frame["properties"] = value(depth: 2) }
        if random.chance(10) { frame[isSender ? "target" : "source"] = terminus(isSender ? 0x29 : 0x28) }
        if isSender, random.chance(5) {
            frame["target"] = .described(Described(descriptor: .ulong(0x30), value: .list([])))
        }
        return frame
    }

    /// A terminus with other things than an address.
    private mutating func terminus(_ code: UInt64) -> AMQPValue {
        var fields: [AMQPValue] = [.string("fuzz")]
        fields.append(.uint(UInt32(random.below(3))))
        fields.append(.symbol(random.pick("never", "session-end", "link-detach")))
        fields.append(.uint(0))
        fields.append(.boolean(random.chance(40)))
        if fields[4] == true { fields[0] = .null }
        fields.append(value(depth: 1))
        if code == 0x28 {
            fields.append(.symbol(random.pick("move", "copy", "none")))
            let filter = random.pick("a = 1", "a LIKE '%", "((((", "")
            let selector = Described(descriptor: .symbol("apache.org:selector-filter:string"), value: .string(filter))
            fields.append(.map([.symbol("f"): .described(selector)]))
        }
        return .described(Described(descriptor: .ulong(code), value: .list(fields)))
    }

    private mutating func flow(_ handle: UInt32, _ channel: UInt16) -> Frame {
        var frame = Frame.flow(
            credit: random.pick(0, 1, 10, 100, 0x7fff_ffff, 0x8000_0000, .max), handle: handle, channel: channel)
        frame["delivery-count"] = .uint(random.pick(0, 0, 1, 5, .max))
        frame["next-incoming-id"] = random.pick(0, 1, 20, .null, .uint(.max))
        frame["incoming-window"] = .uint(random.pick(0, 1, 1_000, .max))
        frame["echo"] = .boolean(random.chance(20))
        frame["drain"] = .boolean(random.chance(20))
        if random.chance(20) { frame["handle"] = .null }
        return frame
    }

    private mutating func disposition(_ channel: UInt16) -> Frame {
        let first = UInt32(random.below(8))
        var frame = Frame(.disposition, channel: channel)
        frame["role"] = .boolean(random.chance(70))
        frame["first"] = .uint(first)
        if random.chance(40) { frame["last"] = .uint(random.pick(first, first + 3, first + 100, 0x7fff_ffff)) }
        frame["settled"] = .boolean(random.chance(50))
        frame["state"] = state()
        return frame
    }

    private mutating func state() -> AMQPValue {
        switch random.below(8) {
        case 0: .null
        case 1: DeliveryState.rejected(Condition("fuzz:rejected", "\u{1b}[31m")).described
        case 2: DeliveryState.released.described
        case 3: .described(Described(descriptor: .ulong(0x27), value: .list([true, true, value(depth: 1)])))
        case 4: .described(Described(descriptor: .ulong(0x23), value: .list([1, 2])))
        case 5: DeliveryState.transactional(id: [1], outcome: .accepted).described
        case 6: .described(Described(descriptor: .symbol("fuzz:state"), value: value(depth: 1)))
        default: DeliveryState.accepted.described
        }
    }

    private mutating func transfer(_ handle: UInt32, _ channel: UInt16, _ session: inout Session) -> Frame {
        var payload = [UInt8](repeating: UInt8(random.below(256)), count: random.pick(1, 10, 500, 5_000, 40_000))
        if random.chance(70) {
            payload = (try? Message(body: .data(payload)).encoded()) ?? payload
        } else if random.chance(50) {
            payload = (try? request().encoded()) ?? payload
        }
        let isFirst = session.links[handle]?.partial == nil
        let id = session.links[handle]?.partial ?? session.nextDelivery
        if isFirst { session.nextDelivery &+= 1 }
        var frame = Frame.transfer(id, payload: payload, handle: handle, channel: channel)
        if !isFirst {
            frame["delivery-id"] = random.chance(50) ? .null : .uint(id)
            frame["delivery-tag"] = .null
        }
        frame["settled"] = random.pick(.null, true, false)
        let isAborted = random.chance(8)
        let hasMore = random.chance(30)
        frame["more"] = hasMore ? true : random.pick(.null, false)
        if isAborted { frame["aborted"] = true }
        if random.chance(10) { frame["state"] = state() }
        session.links[handle]?.partial = hasMore && !isAborted ? id : nil
        return frame
    }

    /// A request as a management node gets them, about what other frames name too.
    private mutating func request() -> Message {
        let operation = random.pick("CREATE", "READ", "UPDATE", "DELETE", "PURGE", "QUERY", "GET-OPERATIONS", "FUZZ")
        let type = random.pick("queue", "queue", "queue", "subscription", "connection", "link", "fuzz")
        var properties: ApplicationProperties = [
            "operation": .string(operation), "type": .string("proton.broker.\(type)"),
            "name": .string(random.pick("fuzz", "other", "$management", "")),
        ]
        if operation == "QUERY" { properties["type"] = .null }
        if random.chance(20) { properties["identity"] = value(depth: 0) }
        if random.chance(20) { properties[random.pick("offset", "count", "entityType")] = value(depth: 0) }
        let attribute = random.pick("maxMessages", "maxBytes", "policy", "isExclusive", "deadLetterAddress", "fuzz")
        let body: AMQPValue = random.chance(50) ? .null : .map([.string(attribute): value(depth: 1)])
        return Message(
            id: .ulong(UInt64(random.below(9))), body: .value(body), address: "$management",
            replyTo: random.pick("fuzz", "other", "$management", ""), properties: properties)
    }

    /// A value that a map or a field may hold.
    private mutating func value(depth: Int) -> AMQPValue {
        switch random.below(depth > 0 ? 8 : 5) {
        case 0: .null
        case 1: .string(String(repeating: "x", count: random.pick(0, 3, 300)))
        case 2: .uint(UInt32(truncatingIfNeeded: random.next()))
        case 3: .symbol("fuzz")
        case 4: .binary([0, 1, 0xff])
        case 5: .list((0..<random.below(4)).map { _ in value(depth: depth - 1) })
        case 6: .map([.symbol("key"): value(depth: depth - 1)])
        default: .described(Described(descriptor: .ulong(7), value: value(depth: depth - 1)))
        }
    }

    private func bytes(_ frame: Frame) -> [UInt8] { (try? frame.encoded()) ?? [] }
}

extension RandomFrames {
    /// A frame that breaks a rule in a known way.
    private mutating func wildFrame() -> [UInt8]? {
        let channel = UInt16(random.below(3))
        let handle: UInt32 = random.pick(0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, .max)
        var frame: Frame
        switch random.below(16) {
        case 0: return open()
        case 1: frame = .begin(channel: channel, ["remote-channel": .ushort(random.pick(0, 0, 1, 70))])
        case 2: frame = .begin(channel: random.pick(0, 1, 63, 64, .max))
        case 3, 4: frame = .attach(sendingTo: "fuzz", name: "wild-\(random.below(3))", handle: handle, channel: channel)
        case 5: frame = .attach(receivingFrom: "fuzz", name: "wild", handle: handle, channel: channel)
        case 6: frame = .detach(handle: handle, channel: channel)
        case 7:
            frame = .transfer(0, payload: [0, 0x53, 0x77, 0x40], handle: UInt32(random.below(5)), channel: channel)
            frame["delivery-id"] = random.pick(.null, .uint(0), .uint(99))
            frame["delivery-tag"] = random.pick(.null, .binary([UInt8](repeating: 7, count: 5_000)))
            frame["more"] = .boolean(random.chance(50))
            frame["aborted"] = .boolean(random.chance(30))
        case 8: frame = .transfer(0, payload: [], handle: UInt32(random.below(5)), channel: channel)
        case 9:
            frame = Frame(.disposition, ["role": .boolean(random.chance(50)), "first": 0, "last": .uint(.max)])
        case 10: frame = random.pick(.saslInit("PLAIN", response: [0, 1, 0, 1]), .saslOutcome(0), .saslMechanisms())
        case 11: frame = random.pick(.end(channel: channel), .close())
        case 12:
            return Frame.framed(
                [0, 0x53, UInt8(random.below(256)), 0xc0, 3, 2, 0x43, 0x43], type: random.pick(0, 1, 7))
        case 13: return Array(random.pick("AMQP\u{0}\u{1}\u{0}\u{0}", "HTTP/1.1", "\u{0}\u{0}\u{0}\u{7}xxxx").utf8)
        case 14: return bomb(channel)
        default:
            frame = .attach(
                sendingTo: String(repeating: "x", count: random.pick(1_000, 60_000)),
                name: String(repeating: "n", count: random.pick(0, 127, 128, 2_000)), handle: handle, channel: channel)
        }
        return bytes(frame)
    }

    /// An attach whose properties are an array of 2^32-1 nulls, in thirteen bytes.
    private mutating func bomb(_ channel: UInt16) -> [UInt8] {
        let array: [UInt8] = [0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]
        let name = "bomb-\(random.below(100))"
        let fields: [AMQPValue] = [.string(name), .uint(UInt32(random.below(60))), false, .null, .null, .source(nil)]
        let head = fields.flatMap { (try? $0.encoded()) ?? [] }
        // target, unsettled, incomplete-unsettled, initial-delivery-count, max-message-size, and three arrays.
        let rest: [UInt8] = [0, 0x53, 0x29, 0x45, 0x40, 0x40, 0x43, 0x40] + array + array + array
        let list = head + rest
        let count = UInt8(fields.count + 5 + 3)
        let size = withUnsafeBytes(of: UInt32(list.count + 4).bigEndian, Array.init)
        return Frame.framed([0, 0x53, 0x12, 0xd0] + size + [0, 0, 0, count] + list, channel: channel)
    }
}
