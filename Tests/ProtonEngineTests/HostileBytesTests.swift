// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What the engine answers to bytes that no honest peer sends.
struct HostileBytesTests {
    /// What has to come of an attack.
    enum Answer: Sendable, Hashable {
        /// The connection is closed, with one of these conditions where any is given.
        case closes([Symbol])
        /// The link is detached with a condition, and the connection lives.
        case detaches(Symbol)
        /// Nothing: the connection lives and serves.
        case ignores

        var isClose: Bool {
            if case .closes = self { true } else { false }
        }
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let answer: Answer
        var usesSASL = false
        /// What is sent before, of which nothing is wrong.
        var prelude: [UInt8] {
            if case .detaches = answer { HostileBytesTests.attached } else { [] }
        }

        init(_ name: String, _ bytes: [UInt8], _ answer: Answer, usesSASL: Bool = false) {
            self.name = name
            self.bytes = bytes
            self.answer = answer
            self.usesSASL = usesSASL
        }

        var testDescription: String { name }
    }

    private static let framing = Answer.closes([.framingError])

    // MARK: Before the header

    static let protocols: [Attack] = [
        Attack("AMQP 1.1.0.0", Array("AMQP".utf8) + [1, 1, 0, 0], framing),
        Attack("AMQP 0-9-1", Array("AMQP".utf8) + [0, 0, 9, 1], framing),
        Attack("AMQP 0.2.0", Array("AMQP".utf8) + [0, 0, 2, 0], framing),
        Attack("AMQP 2.0.0", Array("AMQP".utf8) + [0, 2, 0, 0], framing),
        Attack("HTTP", Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), framing),
        Attack("SSH", Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), framing),
        Attack("zeros", [UInt8](repeating: 0, count: 65_536), framing),
        Attack("TLS hello", [0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3, 1, 2, 3, 4, 5], .closes([])),
    ]

    @Test(arguments: protocols, [false, true])
    func anotherProtocol(_ attack: Attack, usesSASL: Bool) throws {
        let raw = RawPeer(usesSASL: usesSASL)
        try raw.send(attack.bytes)
        #expect(raw.isClosed && raw.peer.driver.isOutputClosed)
        if attack.name != "TLS hello" {
            // The answer begins with the header of what this side speaks (AMQP 1.0, 2.2).
            #expect(raw.answer.starts(with: Array("AMQP".utf8)) && raw.answer[5] == 1)
        }
        #expect(raw.peer.events.count("connection.remoteOpen") == 0)
    }

    // MARK: Frames

    private static func framed(_ size: UInt32, _ rest: [UInt8]) -> [UInt8] {
        Frame.header + withUnsafeBytes(of: size.bigEndian, Array.init) + rest
    }

    private static let open = Frame.header + Frame.open().bytes
    private static let begun = open + Frame.begin().bytes
    fileprivate static let attached = begun + Frame.attach().bytes

    private static func performative(_ code: UInt64, _ fields: AMQPValue) -> [UInt8] {
        let value = AMQPValue.described(Described(descriptor: .ulong(code), value: fields))
        return Frame.framed((try? value.encoded()) ?? [])
    }

    static let frames: [Attack] = [
        Attack("size 0", framed(0, [2, 0, 0, 0]), framing),
        Attack("size 7", framed(7, [2, 0, 0, 0]), framing),
        Attack("size 2^32-1", framed(0xffff_ffff, [2, 0, 0, 0]), framing),
        Attack("doff 0", framed(8, [0, 0, 0, 0]), framing),
        Attack("doff 1", framed(8, [1, 0, 0, 0]), framing),
        Attack("doff 255", framed(8, [255, 0, 0, 0]), framing),
        Attack("100,000 empty frames", open + (0..<100_000).flatMap { _ in Frame(.empty).bytes }, .ignores),
        Attack("begin before open", Frame.header + Frame.begin().bytes, .ignores),
        Attack("garbage in a frame", open + Frame.framed([0xde, 0xad, 0xbe, 0xef]), framing),
        Attack(
            "a list's count lies", open + Frame.framed([0, 0x53, 0x11, 0xc0, 5, 0xff, 0x40, 0x40, 0x40, 0x40]), .ignores
        ),
        Attack("unknown performative", open + performative(0x99, [1, 2]), framing),
        Attack(
            "a SASL frame behind SASL", open + Frame.saslInit("PLAIN").bytes, framing),
    ]

    // MARK: Sessions and links

    static let endpoints: [Attack] = [
        Attack("begin on channel 65535", open + Frame.begin(channel: 65_535).bytes, framing),
        Attack("begin answers a channel that is none", open + Frame.begin(["remote-channel": 77]).bytes, .closes([])),
        Attack("end on an unknown channel", open + Frame.end(channel: 5).bytes, .closes([])),
        Attack("attach on an unknown channel", open + Frame.attach(channel: 5).bytes, .closes([])),
        Attack(
            "disposition on an unknown channel", open + Frame.disposition(.accepted, 0, channel: 5).bytes,
            .closes([])),
        Attack("flow on an unknown channel", open + Frame.flow(credit: 0, channel: 5).bytes, .closes([])),
        Attack("flow of an unknown handle", begun + Frame.flow(credit: 0, handle: 9).bytes, .closes([])),
        Attack("detach of an unknown handle", begun + Frame.detach(handle: 9).bytes, .closes([])),
        Attack("transfer to an unknown handle", begun + Frame.transfer(handle: 9, id: 0).bytes, .closes([])),
        Attack("the same name twice", attached + Frame.attach(handle: 1).bytes, .closes([])),
        Attack("detached twice", attached + Frame.detach().bytes + Frame.detach().bytes, .closes([])),
        Attack("transfer after detach", attached + Frame.detach().bytes + Frame.transfer(id: 0).bytes, .closes([])),
        Attack("ended twice", begun + Frame.end().bytes + Frame.end().bytes, .closes([])),
        Attack("frames behind close", begun + Frame.close().bytes + Frame.attach().bytes, .closes([])),
        Attack(
            "dispositions of everything", attached + Frame.disposition(.accepted, 0, ["last": 0xffff_ffff]).bytes,
            .closes([])),
        Attack("dispositions backwards", attached + Frame.disposition(.accepted, 5, ["last": 0]).bytes, .closes([])),
        Attack(
            "a link name of 60,000 bytes", begun + Frame.attach(String(repeating: "n", count: 60_000)).bytes, .ignores),
        Attack(
            "credit of 2^32-1", begun + Frame.attach(receivingFrom: "source").bytes + Frame.flow(credit: .max).bytes,
            .ignores),
        Attack("handle 2^31", begun + Frame.attach(handle: 0x8000_0000).bytes, .ignores),
        Attack("a null target", begun + Frame.attach(sendingTo: "target", ["target": .null]).bytes, .ignores),
        Attack(
            "a coordinator",
            begun
                + Frame.attach(sendingTo: "", ["target": .described(Described(descriptor: .ulong(0x30), value: []))])
                .bytes, .ignores),
    ]

    // MARK: Transfers

    // Each comes once the session's window is open: before that any transfer is a window violation.
    private static func transfers(_ frames: Frame...) -> [UInt8] { frames.flatMap(\.bytes) }

    @Test func aTransferBeforeTheWindowIsOpen() throws {
        let raw = RawPeer()
        try raw.send(Self.attached + Frame.transfer(id: 0).bytes)
        #expect(raw.isClosed && raw.closeCondition?.name == .windowViolation)
        #expect(raw.peer.events.count("delivery") == 0)
    }

    static let messages: [Attack] = [
        Attack("without credit", transfers(.transfer(id: 0)), .detaches(.transferLimitExceeded)),
        Attack("without credit, empty", transfers(.transfer(id: 0, [])), .detaches(.transferLimitExceeded)),
        Attack("without a tag", transfers(.transfer(id: 0, tag: nil)), .detaches(.transferLimitExceeded)),
        Attack("without an id", transfers(.transfer(id: nil)), .detaches(.transferLimitExceeded)),
        Attack(
            "900 at once", (0..<900).flatMap { Frame.transfer(id: $0, isSettled: true).bytes },
            .detaches(.transferLimitExceeded)),
    ]

    @Test(arguments: frames + endpoints + messages)
    func attacks(_ attack: Attack) throws {
        let raw = RawPeer(usesSASL: attack.usesSASL)
        try raw.send(attack.prelude)
        try raw.send(attack.bytes)
        switch attack.answer {
        case .closes(let conditions):
            #expect(raw.isClosed)
            if let name = raw.closeCondition?.name, !conditions.isEmpty { #expect(conditions.contains(name)) }
        case .detaches(let name):
            #expect(!raw.isClosed && raw.detachCondition?.name == name)
            try expectService(raw)
        case .ignores:
            #expect(!raw.isClosed, "closed with \(raw.closeCondition.debugDescription)")
        }
        // Whatever it was, the end comes at once.
        raw.peer.vanish()
        try raw.pump()
        #expect(raw.peer.driver.isFinished)
    }

    /// A link of its own is still opened for the peer.
    private func expectService(_ raw: RawPeer) throws {
        let before = raw.peer.events.count("link.remoteOpen")
        try raw.send(.attach("another", handle: 55))
        #expect(raw.peer.events.count("link.remoteOpen") == before + 1)
    }

    @Test(arguments: frames + endpoints + messages)
    func attacksByteByByte(_ attack: Attack) throws {
        guard attack.bytes.count < 5_000 else { return }
        let raw = RawPeer()
        try raw.send(attack.prelude)
        for byte in attack.bytes where try raw.send([byte]) == 0 { break }
        #expect(raw.isClosed == attack.answer.isClose)
    }

    @Test(arguments: frames + endpoints + messages)
    func attacksThatBreakOff(_ attack: Attack) throws {
        guard attack.bytes.count < 2_000 else { return }
        for count in 0...attack.bytes.count {
            let raw = RawPeer()
            try raw.send(attack.prelude)
            try raw.send(Array(attack.bytes.prefix(count)))
            raw.peer.vanish()
            try raw.pump()
            #expect(raw.peer.driver.isFinished)
        }
    }

    // MARK: What is decoded

    /// Values that cost a decoder dearly: nothing of them may be built.
    static let bombs: [(name: String, bytes: [UInt8])] = [
        ("an array of 2^32-1 nulls", [0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]),
        ("5,000 nested lists", nested(5_000)),
        ("a string of 2^31 bytes", [0xb1, 0x7f, 0xff, 0xff, 0xff, 0x61]),
        ("an odd map", [0xc1, 3, 1, 0xa1, 0]),
        ("a text that is not UTF-8", [0xc1, 8, 2, 0xa3, 1, 0x61, 0xa1, 2, 0xc0, 0x80]),
    ]

    private static func nested(_ depth: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x45]
        for _ in 0..<depth {
            let size = withUnsafeBytes(of: UInt32(bytes.count + 4).bigEndian, Array.init)
            bytes = [0xd0] + size + [0, 0, 0, 1] + bytes
        }
        return bytes
    }

    @Test(arguments: bombs.indices)
    func bombsInOpen(_ index: Int) throws {
        let properties = Self.bombs[index].bytes
        let fields: [UInt8] =
            [0xa1, 1, 0x61] + [UInt8](repeating: 0x40, count: 8) + properties
        let list = withUnsafeBytes(of: UInt32(fields.count + 4).bigEndian, Array.init)
        let raw = RawPeer()
        try raw.send(Frame.header + Frame.framed([0, 0x53, 0x10, 0xd0] + list + [0, 0, 0, 10] + fields))
        #expect(raw.peer.connection.remoteProperties.isEmpty)
        raw.peer.vanish()
        try raw.pump()
        #expect(raw.peer.driver.isFinished)
    }

    @Test(arguments: bombs.indices)
    func bombsInMessages(_ index: Int) throws {
        let raw = RawPeer()
        var failures = 0
        raw.peer.events.react = { event in
            event.answer()
            guard case .link(.remoteOpen, let link) = event else {
                guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
                #expect(throws: (any Error).self) { try delivery.takeMessage() }
                failures += 1
                return delivery.settle(.rejected())
            }
            try (link as? Receiver)?.flow(10)
        }
        try raw.send(Self.attached)
        try raw.send(.transfer(id: 0, [0, 0x53, 0x77] + Self.bombs[index].bytes))
        #expect(failures == 1 && !raw.isClosed)
    }

    @Test(arguments: bombs.indices)
    func bombsInConditions(_ index: Int) throws {
        let raw = RawPeer()
        try raw.open()
        let info = Self.bombs[index].bytes
        let error: [UInt8] = [0xa3, 1, 0x61, 0x40] + info
        let list = withUnsafeBytes(of: UInt32(error.count + 4).bigEndian, Array.init)
        let condition: [UInt8] = [0, 0x53, 0x1d, 0xd0] + list + [0, 0, 0, 3] + error
        let outer = withUnsafeBytes(of: UInt32(condition.count + 4).bigEndian, Array.init)
        try raw.send(Frame.framed([0, 0x53, 0x18, 0xd0] + outer + [0, 0, 0, 1] + condition))
        let remote = raw.peer.connection.remoteCondition
        #expect(remote == nil || remote?.info.isEmpty == true)
    }

    // MARK: SASL

    @Test func framesBeforeSASLIsDone() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Frame.saslHeader.bytes + Frame.open().bytes + Frame.begin().bytes + Frame.attach().bytes)
        #expect(raw.peer.connection.transport?.isAuthenticated != true)
        #expect(raw.peer.events.count("delivery") == 0)
    }

    @Test(arguments: [
        Frame.saslInit("PLAIN", response: [0, 0x61, 0, 0x62]),
        Frame.saslInit("SCRAM-SHA-256", response: [1]),
        Frame.saslInit(""),
    ])
    func mechanismsThatAreNotOffered(_ frame: Frame) throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Frame.saslHeader.bytes + frame.bytes)
        let outcome = raw.frames.last { $0.kind == .saslOutcome }
        #expect(outcome.map { $0["code"] != .ubyte(0) } ?? true)
        #expect(raw.peer.connection.transport?.isAuthenticated != true && raw.peer.driver.isOutputClosed)
    }
}
