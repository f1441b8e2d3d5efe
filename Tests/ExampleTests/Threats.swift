// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

// What strangers send to a broker. Proton 0.37 alone dies of some, grows without limit with others, and waits for ever with
// the rest: SECURITY.md has the list.
extension Threat {
    static var all: [Threat] {
        protocols + handshakes + frames + endpoints + transfers + floods
    }

    private static let framing = ends("amqp:connection:framing-error", "amqp:decode-error")

    // MARK: Before the first frame

    static let protocols: [Threat] = [
        Threat("AMQP 1.1", "8 bytes", [.send(Array("AMQP".utf8) + [1, 1, 0, 0])], ends()),
        Threat("AMQP 0-9-1", "8 bytes", [.send(Array("AMQP".utf8) + [0, 0, 9, 1])], ends()),
        Threat("HTTP", "a GET", [.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))], ends()),
        Threat("zeros", "64 KiB", [.send([UInt8](repeating: 0, count: 65_536))], ends()),
        Threat("TLS on a plain port", "a hello", [.send([0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3, 1, 2, 3])], ends()),
    ]

    static let handshakes: [Threat] = [
        Threat("silence", "nothing", [], .ends([], within: .seconds(12))),
        Threat("half a header", "4 bytes", [.send(Array("AMQP".utf8))], .ends([], within: .seconds(12))),
        Threat("SASL header only", "8 bytes", [.send(bytes(.saslHeader))], .ends([], within: .seconds(12))),
        Threat(
            "an open inside SASL", "header and open", [.send(bytes(.saslHeader, .open("threat")))],
            .ends([], within: .seconds(12))),
        Threat(
            "engine.c:448 before log-in", "one packet of 20 frames",
            [.send(bytes(.saslHeader, .open("threat"), .begin()) + bytes(negativeHandles))],
            .ends([], within: .seconds(12))),
        Threat("unknown mechanism", "sasl-init", [.send(bytes(.saslHeader, .saslInit("X-NONE")))], ends()),
        Threat(
            "many sasl-inits", "1,000 of them",
            [.send(bytes(.saslHeader)), .send(bytes((0..<1_000).map { _ in .saslInit("X-NONE", response: [1]) }))],
            ends()),
        Threat(
            "large response", "60 KiB in sasl-init",
            [.send(bytes(.saslHeader, .saslInit("PLAIN", response: [UInt8](repeating: 1, count: 60_000))))], ends()),
        Threat(
            "frame of 2 GiB before log-in", "its header and 1 MiB",
            [.send(bytes(.saslHeader) + [0x7f, 0xff, 0xff, 0xff, 2, 1, 0, 0] + [UInt8](repeating: 0, count: 1 << 20))],
            ends()),
    ]

    /// Attaches and detaches by handles that proton takes for negative: a count of references falls below zero.
    private static let negativeHandles: [Frame] =
        [
            .attach(sendingTo: "q", name: "x", handle: 0x8000_0000),
            .attach(sendingTo: "q", name: "x", handle: 0x8000_0001), .detach(handle: 0x8000_0001),
        ]
        + (0..<6).flatMap {
            [Frame.attach(sendingTo: "q", name: "y\($0)", handle: 0xffff_fffe), .detach(handle: 0x8000_0000)]
        }

    // MARK: Frames

    private static func framed(_ size: UInt32, _ rest: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: size.bigEndian, Array.init) + rest
    }

    static let frames: [Threat] = [
        .open("frame of size 0", "8 bytes", framed(0, [2, 0, 0, 0]), framing),
        .open("frame of size 7", "8 bytes", framed(7, [2, 0, 0, 0]), framing),
        .open(
            "frame of 4 GiB", "its header and 1 MiB",
            framed(.max, [2, 0, 0, 0] + [UInt8](repeating: 0, count: 1 << 20)), framing),
        .open("data offset 1", "8 bytes", framed(8, [1, 0, 0, 0]), framing),
        .open("data offset 255", "8 bytes", framed(8, [255, 0, 0, 0]), framing),
        .open("unknown frame type", "type 7", Frame.framed([0, 0x53, 0x11, 0x45], type: 7), ends()),
        .open("SASL behind SASL", "sasl-init", bytes(.saslInit("ANONYMOUS")), ends()),
        .open("unknown performative", "0x99", Frame.framed([0, 0x53, 0x99, 0x45]), ends()),
        .open("no performative", "de ad be ef", Frame.framed([0xde, 0xad, 0xbe, 0xef]), ends()),
        .open(
            "a list that lies", "a count of 255", Frame.framed([0, 0x53, 0x11, 0xc0, 5, 255, 0x40, 0x40, 0x40]), ends()),
        .open("a second open", "open", bytes(.open("other")), ends()),
        .open("half a frame, then gone", "4 bytes", [0, 0, 0, 100], .lives),
        Threat(
            "epoll_timer.c:280", "three opens with shorter time-outs",
            opened + [
                .send(bytes(.begin())), .await(.begin),
                .send(bytes(.open("a", ["idle-time-out": 20_000]), .begin(channel: 1))),
                .send(bytes(.open("a", ["idle-time-out": 4_000]), .begin(channel: 2))),
            ], ends()),
        Threat(
            "heartbeats without pause", "idle-time-out 1 ms",
            Array(opened.prefix(2)) + [.send(bytes(.amqpHeader, .open("threat", ["idle-time-out": 1])))], ends()),
        .open("values in no bytes", "1,000 attaches with arrays of 2^32-1 nulls", bytes(.begin()) + bombs, ends()),
    ]

    /// Attaches whose properties are arrays of 2^32-1 nulls, in 13 bytes each: 55 MB each in proton.
    private static let bombs: [UInt8] = (0..<1_000).flatMap { index -> [UInt8] in
        let array: [UInt8] = [0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]
        let fields: [AMQPValue] = [.string("bomb-\(index)"), .uint(UInt32(index)), false, .null, .null, .source(nil)]
        let head = fields.flatMap { (try? $0.encoded()) ?? [] }
        let list = head + [0, 0x53, 0x29, 0x45, 0x40, 0x40, 0x43, 0x40] + array + array + array
        let size = withUnsafeBytes(of: UInt32(list.count + 4).bigEndian, Array.init)
        return Frame.framed([0, 0x53, 0x12, 0xd0] + size + [0, 0, 0, 14] + list)
    }

    // MARK: Sessions and links

    static let endpoints: [Threat] = [
        .open("channel 65535", "begin", bytes(.begin(channel: 65_535)), ends()),
        .open("an answer to no begin", "remote-channel 77", bytes(.begin(["remote-channel": 77])), ends()),
        .open("end of no session", "end", bytes(.end(channel: 5)), ends()),
        .open("attach to no session", "attach", bytes(.attach(sendingTo: "q", channel: 5)), ends()),
        .session(
            "one session twice", "its channel answered again",
            [.begin(channel: 1, ["remote-channel": 0]), .end(channel: 1), .end()], ends()),
        .session("a channel twice", "begin, begin", [.begin()], ends()),
        .session("1,000 sessions", "begins", (1..<1_000).map { .begin(channel: UInt16($0)) }, ends()),
        .session("flow of no link", "handle 9", [.flow(credit: 1, handle: 9)], ends()),
        .session("detach of no link", "handle 9", [.detach(handle: 9)], ends()),
        .session(
            "a handle twice", "two names", [.attach(sendingTo: "q", name: "a"), .attach(sendingTo: "q", name: "b")],
            ends()),
        .session(
            "a name twice", "two handles",
            [.attach(sendingTo: "q", name: "a"), .attach(sendingTo: "q", name: "a", handle: 1)],
            .refuses(.detach, "amqp:link:stolen")),
        .session("engine.c:448", "handles from 2^31 on", negativeHandles, ends()),
        .session(
            "5,000 links", "attaches", (0..<5_000).map { .attach(sendingTo: "q", name: "\($0)", handle: UInt32($0)) },
            ends()),
        .session(
            "a long name", "60 KiB",
            [.attach(sendingTo: "q", name: String(repeating: "n", count: 60_000))], ends()),
        .session(
            "an evil address", "dots, zeros, escapes", [.attach(sendingTo: "../../etc/passwd\0\u{1b}[2J\u{202e}")],
            .lives),
        .session(
            "all dispositions", "0 to 2^32-1", [Frame(.disposition, ["role": true, "first": 0, "last": .uint(.max)])],
            ends()),
        .session("credit of 2^32-1", "flow", [.attach(receivingFrom: "q"), .flow(credit: .max)], .lives),
    ]

    // MARK: Transfers

    private static let message: [UInt8] = [0, 0x53, 0x77, 0x40]

    private static func transfer(
        _ id: UInt32 = 0, _ fields: KeyValuePairs<String, AMQPValue> = [:], _ payload: [UInt8] = message
    ) -> Frame {
        .transfer(id, payload: payload, fields)
    }

    static let transfers: [Threat] = [
        .sender(
            "transport.c:1460", "more, and no delivery-id", [transfer(0, ["delivery-id": .null, "more": true])], ends()),
        .sender(
            "transport.c:1460 again", "the same as second message",
            [transfer(), transfer(1, ["delivery-id": .null, "more": true])], ends()),
        .session(
            "transport.c:1358", "an aborted transfer on a link on which the broker sends",
            [.attach(receivingFrom: "threat", name: "in"), transfer(0, ["aborted": true])], ends()),
        .session(
            "transfer against the link", "a whole one",
            [.attach(receivingFrom: "threat", name: "in"), transfer()], ends()),
        .sender("no delivery-id", "a whole message", [transfer(0, ["delivery-id": .null])], ends()),
        .sender(
            "long tag", "60 KiB", [transfer(0, ["delivery-tag": .binary([UInt8](repeating: 1, count: 60_000))])], ends()
        ),
        .sender("no message", "an empty transfer", [transfer(0, [:], [])], .lives),
        .sender("garbage", "de ad be ef", [transfer(0, [:], [0xde, 0xad, 0xbe, 0xef])], .lives),
        .sender(
            "beyond the credit", "5,000 messages",
            (0..<5_000).map { transfer($0, ["settled": true]) }, .refuses(.detach, "amqp:link:transfer-limit-exceeded")),
        .sender(
            "a message without end", "64 MiB in parts",
            (0..<1_100).map {
                transfer(0, ["more": true, "delivery-id": $0 == 0 ? 0 : .null], [UInt8](repeating: 0, count: 60_000))
            },
            .lives),
        .sender("transfer after detach", "detach, transfer", [.detach(), transfer()], ends()),
        .sender("deep nesting", "2,000 lists", [transfer(0, [:], [0, 0x53, 0x77] + nested)], .lives),
        .sender(
            "4 billion nulls", "a message of 13 bytes",
            [transfer(0, [:], [0, 0x53, 0x77, 0xf0, 0, 0, 0, 5, 255, 255, 255, 255, 0x40])], .lives),
    ]

    private static let nested: [UInt8] = (0..<2_000).reduce([0x45]) { inner, _ in
        [0xd0] + withUnsafeBytes(of: UInt32(inner.count + 4).bigEndian, Array.init) + [0, 0, 0, 1] + inner
    }

    // MARK: Floods

    static let floods: [Threat] = [
        .open("empty frames", "200,000", Frame.framed([]).repeated(200_000), .lives),
        .session(
            "begin and end", "1,000 pairs", (0..<1_000).flatMap { _ in [Frame.begin(channel: 1), .end(channel: 1)] },
            ends()),
        .session(
            "attach and detach", "50,000 pairs",
            (0..<50_000).flatMap { [Frame.attach(sendingTo: "q", name: "\($0)", handle: 1), .detach(handle: 1)] },
            .lives),
        .open(
            "attaches behind a violation", "30,000",
            bytes(.begin()) + Frame.framed([0, 0x53, 0x99, 0x45])
                + bytes((0..<30_000).map { .attach(sendingTo: "q", name: "\($0)", handle: UInt32($0)) }), ends()),
        .open(
            "attaches behind a close", "30,000",
            bytes(.begin(), .close())
                + bytes((0..<30_000).map { .attach(sendingTo: "q", name: "\($0)", handle: UInt32($0)) }), ends()),
        .session(
            "flows", "100,000", [Frame.flow(credit: 0, ["handle": .null, "echo": true])].repeated(100_000), .lives),
        .sender(
            "dispositions over everything", "100 messages, 20,000 dispositions",
            (0..<100).map { transfer($0) }
                + [Frame(.disposition, ["role": false, "first": 0, "last": 0x0fff_ffff])].repeated(20_000), .lives),
    ]
}

extension Array {
    fileprivate func repeated(_ count: Int) -> [Element] { (0..<count).flatMap { _ in self } }
}
