// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What a peer allows: the size of messages, the number of sessions; and what this side allows itself.
struct PeerLimitTests {
    /// A client whose peer has attached a link that takes messages up to a size, and has given credit.
    private struct Client {
        let raw = RawPeer(isServer: false)
        let sender: Sender

        init(messageSize: UInt64?, credit: UInt32 = 10) throws {
            sender = try raw.peer.connection.session().makeSender(name: "link")
            sender.target.address = "q"
            sender.open()
            try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
            try raw.send(
                .attach(receivingFrom: "q", ["max-message-size": messageSize.map { .ulong($0) } ?? .null]),
                .flow(credit: credit))
        }

        /// The sizes of the transfer frames that went out.
        func sizes() throws -> [Int] {
            try raw.pump()
            return raw.frames.filter { $0.kind == .transfer }.map(\.payload.count)
        }
    }

    private static func error(_ body: () throws -> Void) -> ProtonError? {
        #expect(throws: ProtonError.self, performing: body)
    }

    // MARK: Message sizes

    @Test func aMessageThatIsTooLargeIsNotSent() throws {
        let client = try Client(messageSize: 1_000)
        #expect(client.sender.remoteMaxMessageSize == 1_000)
        let sends: [([UInt8]) throws -> Void] = [
            { try client.sender.send(encoded: $0) },
            { try client.sender.send(Message(body: .data($0))) },
            { try client.sender.send(Message(body: .data($0)), tag: [1, 2]) },
            { try client.sender.send(Message(body: .data($0)), state: .transactional(id: [1])) },
        ]
        for send in sends {
            let error = Self.error { try send([UInt8](repeating: 0, count: 2_000)) }
            #expect(error?.code == .limitExceeded)
            #expect(error?.message.contains("1000") == true && error?.message.contains(" 20") == true)
        }
        #expect(try client.sizes() == [] && client.sender.credit == 10 && client.sender.unsettledCount == 0)
        client.sender.makeTag = { [7] }
        #expect(
            Self.error { try client.sender.send(encoded: .init(repeating: 0, count: 1_001)) }?.code == .limitExceeded)
        try client.sender.send(encoded: [UInt8](repeating: 0, count: 1_000))
        #expect(try client.sizes() == [1_000] && client.sender.state == .active && client.sender.credit == 9)
    }

    @Test(arguments: [nil, 0, UInt64.max])
    func noneAndNothingAreNoLimit(size: UInt64?) throws {
        let client = try Client(messageSize: size)
        #expect(client.sender.remoteMaxMessageSize == (size == .max ? Int.max : nil))
        try client.sender.send(encoded: [UInt8](repeating: 0, count: 2_000))
        #expect(try client.sizes() == [2_000])
    }

    @Test func piecesStopAtTheByteThatWouldPass() throws {
        let client = try Client(messageSize: 1_000)
        let stream = try client.sender.stream()
        try stream.writeDataHeader(count: 900)
        #expect(try stream.write([UInt8](repeating: 1, count: 900)) == 900)
        let error = Self.error { _ = try stream.write([UInt8](repeating: 1, count: 93)) }
        #expect(error?.code == .limitExceeded && error?.message.contains("1001 bytes") == true)
        #expect(error?.message.contains("1000 bytes") == true)
        #expect(try stream.write([UInt8](repeating: 1, count: 88)) == 88)
        #expect(Self.error { try stream.writeDataHeader(count: 0) }?.code == .limitExceeded)
        #expect(try client.sizes().reduce(0, +) == 996)
        stream.abort()
        try client.raw.pump()
        #expect(client.raw.frames.last { $0.kind == .transfer }?["aborted"] == true)
        // The link goes on, and counts anew.
        let next = try client.sender.stream()
        #expect(try next.write([UInt8](repeating: 1, count: 1_000)) == 1_000)
        try next.finish()
        try client.raw.pump()
        #expect(client.sender.state == .active && !client.raw.isClosed)
    }

    // MARK: Sessions

    @Test func aSessionTooManyForThePeer() throws {
        let raw = RawPeer(isServer: false)
        let connection = raw.peer.connection
        try raw.send(.amqpHeader, .open("peer", ["channel-max": 1]))
        let sessions = try (0..<2).map { _ in try connection.makeSession() }
        for session in sessions { session.open() }
        for _ in 0..<2 {
            let error = Self.error { _ = try connection.makeSession() }
            #expect(error?.code == .limitExceeded && error?.message.contains("channel-max 1") == true)
        }
        try raw.pump()
        #expect(raw.frames.filter { $0.kind == .begin }.map(\.channel) == [0, 1] && !raw.isClosed)
        try raw.send(.begin(channel: 0, ["remote-channel": 0]), .begin(channel: 1, ["remote-channel": 1]))
        sessions[0].close()
        try raw.send(.end(channel: 0))
        try connection.makeSession().open()
        try raw.pump()
        #expect(raw.frames.last { $0.kind == .begin }?.channel == 0 && !raw.isClosed)
    }

    /// Proton writes nothing any more where a session has no channel.
    @Test func sessionsThatWereMadeBeforeThePeerSaidItsLimit() throws {
        let raw = RawPeer(isServer: false)
        let connection = raw.peer.connection
        let sessions = try (0..<3).map { _ in try connection.makeSession() }
        try raw.send(.amqpHeader, .open("peer", ["channel-max": 1]))
        for session in sessions { session.open() }
        try raw.pump()
        #expect(raw.frames.count { $0.kind == .begin } == 2)
        #expect(raw.closeCondition?.name == .resourceLimitExceeded)
        #expect(raw.closeCondition?.description?.contains("2 are allowed") == true)
        #expect(raw.peer.events.count("connection.failed") == 1)
    }

    /// Both sides' sessions need this side's channels.
    @Test func aPeersSessionForWhichThereIsNoChannel() throws {
        var limits = ConnectionLimits()
        limits.maxSessions = 2
        let raw = RawPeer(isServer: false, limits: limits)
        for _ in 0..<2 { try raw.peer.connection.makeSession().open() }
        try raw.send(.amqpHeader, .open(), .begin(channel: 0))
        #expect(raw.closeCondition?.name == .resourceLimitExceeded && raw.peer.events.count("connection.failed") == 1)
        #expect(raw.peer.events.count("session.remoteOpen") == 0)
    }

    /// A channel is free again once the end frame is written: after all that came in one go is handled.
    @Test func moreSessionsInOneGoThanThereAreChannels() throws {
        var limits = ConnectionLimits()
        limits.maxSessions = 4
        let raw = RawPeer(limits: limits)
        try raw.open(session: false)
        let pair = Frame.begin(channel: 1).bytes + Frame.end(channel: 1).bytes
        for _ in 0..<3 { try raw.send(Array(repeatElement(pair, count: 4).joined())) }
        #expect(raw.frames.count { $0.kind == .end } == 12 && !raw.isClosed)
        try raw.send(Array(repeatElement(pair, count: 12).joined()))
        #expect(raw.closeCondition?.name == .resourceLimitExceeded && raw.peer.events.count("connection.failed") == 1)
    }

    @Test func aSessionTooManyForThisSide() throws {
        var limits = ConnectionLimits()
        limits.maxSessions = 2
        let raw = RawPeer(isServer: false, limits: limits)
        for _ in 0..<2 { try raw.peer.connection.makeSession().open() }
        let error = Self.error { _ = try raw.peer.connection.makeSession() }
        #expect(error?.code == .limitExceeded && error?.message.contains("maxSessions") == true)
        try raw.send(.amqpHeader, .open())
        #expect(raw.frames.count { $0.kind == .begin } == 2 && !raw.isClosed)
    }

    // MARK: Links

    @Test func aLinkTooManyForThisSide() throws {
        var limits = ConnectionLimits()
        limits.maxLinks = 2
        let raw = RawPeer(isServer: false, limits: limits)
        let session = try raw.peer.connection.session()
        let link = try session.makeSender(name: "a")
        try session.makeReceiver(name: "b").open()
        link.open()
        for _ in 0..<2 {
            let error = Self.error { _ = try session.makeSender(name: "c") }
            #expect(error?.code == .limitExceeded && error?.message.contains("maxLinks") == true)
            #expect(Self.error { _ = try session.makeReceiver(name: "c") }?.code == .limitExceeded)
        }
        try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
        try raw.send(.attach(receivingFrom: "q", name: "a"), .attach(sendingTo: "q", name: "b", handle: 1))
        #expect(raw.frames.count { $0.kind == .attach } == 2 && !raw.isClosed && link.state == .active)
        link.close()
        try raw.send(.detach(handle: 0))
        try session.makeSender(name: "c").open()
        try raw.pump()
        #expect(raw.frames.count { $0.kind == .attach } == 3 && !raw.isClosed)
    }
}
