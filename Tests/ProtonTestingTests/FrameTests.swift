// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// Frames as bytes, and as text for a person.
struct FrameTests {
    // Computed, since LeakSanitizer takes what an enum in a stored table holds for lost.
    static var frames: [(Frame, String)] {
        [
            (.amqpHeader, "AMQP header"),
            (.saslHeader, "SASL header"),
            (Frame(.otherHeader, payload: [0, 0, 9, 1]), "other header with 4 bytes: <00 00 09 01>"),
            (Frame(.empty), "empty frame"),
            (Frame(.other, channel: 1, payload: [0xde]), "other frame on channel 1 with 1 bytes: <de>"),
            (
                .open("me", ["max-frame-size": 512, "idle-time-out": 1_000]),
                #"open(container-id: "me", max-frame-size: 512, idle-time-out: 1000)"#
            ),
            (
                .begin(channel: 3),
                "begin(next-outgoing-id: 0, incoming-window: 10000, outgoing-window: 10000) on channel 3"
            ),
            (
                .attach(receivingFrom: "q", ["snd-settle-mode": 1]),
                #"attach(name: "link", handle: 0, role: receiver, snd-settle-mode: 1, source: source(address: "q"), target: target)"#
            ),
            (
                .attach(sendingTo: "q", name: "n", handle: 7, ["initial-delivery-count": .null]),
                #"attach(name: "n", handle: 7, role: sender, source: source, target: target(address: "q"))"#
            ),
            (
                .flow(credit: 9, ["drain": true]),
                """
                flow(next-incoming-id: 0, incoming-window: 10000, next-outgoing-id: 0, outgoing-window: 10000, handle: 0, \
                delivery-count: 0, link-credit: 9, drain: true)
                """
            ),
            (
                .transfer(1, payload: [1, 2]),
                """
                transfer(handle: 0, delivery-id: 1, delivery-tag: <00 00 00 01>, message-format: 0, settled: false) \
                with 2 bytes: <01 02>
                """
            ),
            (
                .disposition(.outcome(.accepted), 5),
                "disposition(role: receiver, first: 5, settled: true, state: accepted)"
            ),
            (
                .detach(error: Condition(.notFound, "no queue")),
                #"detach(handle: 0, closed: true, error: error(condition: amqp:not-found, description: "no queue"))"#
            ),
            (.end(channel: 2), "end() on channel 2"),
            (.close(error: "a:b"), "close(error: error(condition: a:b))"),
            (.saslMechanisms("PLAIN", "ANONYMOUS"), "sasl-mechanisms(sasl-server-mechanisms: [PLAIN, ANONYMOUS])"),
            (.saslInit("ANONYMOUS"), "sasl-init(mechanism: ANONYMOUS)"),
            (.saslOutcome(1), "sasl-outcome(code: 1)"),
        ]
    }

    @Test(arguments: frames)
    func throughBytesAndBack(_ frame: Frame, _ text: String) throws {
        #expect("\(frame)" == text)
        var bytes = try frame.encoded()[...]
        let whole = bytes
        #expect(try Frame.take(from: &bytes) == frame)
        #expect(bytes.isEmpty)
        for count in 0..<whole.count {
            var part = whole.prefix(count)
            #expect(try Frame.take(from: &part) == nil)
        }
    }

    @Test func fieldsByName() throws {
        let attach = Frame.attach(answering: .attach(receivingFrom: "q", handle: 3))
        #expect(attach["name"] == "link" && attach["handle"] == .uint(3) && attach["role"] == false)
        #expect(attach["source"] == .source("q") && attach["initial-delivery-count"] == .uint(0))
        #expect(attach["properties"] == .null && attach["no-such-field"] == .null)
        #expect(Frame.attach(answering: .attach(sendingTo: "q"), handle: 8)["handle"] == .uint(8))
        #expect(Frame.begin(answering: .begin(channel: 4))["remote-channel"] == .ushort(4))
        #expect(Frame.close(error: Condition("a:b", "c", info: ["d": 1])).condition?.info == ["d": 1])
        #expect(Frame.disposition(.outcome(.released), 0).state == .outcome(.released))
        #expect(try Frame.transfer(0, Message(body: "hello")).message().body == .value("hello"))
        #expect(Frame.open().condition == nil && Frame.open().state == nil)
    }

    @Test(arguments: [Frame(.open, ["contaner-id": "x"]), Frame(.empty, ["handle": 0])])
    func namesThatAreWrong(_ frame: Frame) throws {
        let error = #expect(throws: ProtonError.self) { try frame.encoded() }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(frame.kind == .open ? "container-id, hostname" : "none") == true)
    }

    @Test(arguments: [
        [0, 0, 0, 7, 2, 0, 0, 0], [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0], [0, 0, 0, 8, 1, 0, 0, 0],
        [0, 0, 0, 8, 3, 0, 0, 0], Array("HTTP/1.1 400".utf8),
    ])
    func whatIsNoFrame(_ bytes: [UInt8]) {
        var rest = bytes[...]
        #expect(throws: ProtonError.self) { try Frame.take(from: &rest) }
    }

    @Test(arguments: [
        [0], [0, 0x53], [0, 0x53, 0x10], [0, 0x53, 0x10, 0xc0], [0, 0x53, 0x10, 0xc0, 200, 1],
        [0, 0x53, 0x10, 0xd0, 0xff, 0xff, 0xff, 0xff, 0, 0], [0, 0x53, 0x99, 0x45],
        [0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x10],
        [0, 0xa3, 0x10, 0x45], [0, 0x53, 0x28, 0x45], [0x40, 0x40, 0x40, 0x40],
    ])
    func bodiesThatAreNoPerformative(_ body: [UInt8]) throws {
        var bytes = try Frame(.other, payload: body).encoded()[...]
        #expect(try Frame.take(from: &bytes) == Frame(.other, payload: body))
    }
}
