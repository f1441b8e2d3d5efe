// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// After a violation the connection is over: it is closed with the error, and nothing that still comes is acted on.
struct ViolationTests {
    private static let violation = Condition(.notAllowed, "a test")

    @Test(arguments: [true, false], [true, false])
    func closesWithTheErrorAndReadsNothingMore(isServer: Bool, usesSASL: Bool) throws {
        let raw = RawPeer(isServer: isServer, usesSASL: usesSASL && isServer)
        if usesSASL, isServer { try raw.send(.saslHeader, .saslInit("ANONYMOUS")) }
        try raw.open(session: isServer)
        try raw.pump()
        raw.peer.connection.end(for: Self.violation)
        raw.peer.connection.end(for: Condition(.internalError, "a second one"))
        try raw.pump()
        #expect(raw.closeCondition == Self.violation)
        #expect(raw.peer.connection.condition == Self.violation && raw.peer.transportCondition == Self.violation)
        #expect(raw.peer.events.count("connection.failed") == 1 && raw.peer.events.count("transport.error") == 0)
        #expect(try raw.send(Frame.attach("late").bytes) == 0)
        try raw.pump()
        #expect(raw.peer.driver.isFinished)
    }

    /// What came in the packet of the violation is not told either.
    @Test func dropsWhatCameWithIt() throws {
        let raw = RawPeer()
        raw.peer.events.react = { event in
            event.answer()
            if case .link(.remoteOpen, let link) = event, link.name == "bad" {
                link.connection.end(for: Self.violation)
            }
        }
        try raw.open()
        try raw.send(
            .attach("good"), .attach("bad", handle: 1), .attach("late", handle: 2), .detach(), .begin(channel: 7),
            .close())
        #expect(raw.peer.events.count("link.remoteOpen") == 2 && raw.peer.events.count("link.initialized") == 2)
        #expect(raw.peer.events.count("link.remoteClose") == 0 && raw.peer.events.count("session.initialized") == 1)
        #expect(raw.peer.events.count("connection.remoteClose") == 0)
        #expect(raw.closeCondition == Self.violation)
        try raw.pump()
        #expect(raw.peer.driver.isFinished)
    }

    /// A connection that the peer has not opened has nothing to be closed with.
    @Test(arguments: [true, false])
    func beforeOpenItEndsAtOnce(isServer: Bool) throws {
        let raw = RawPeer(isServer: isServer)
        try raw.send(Frame.header)
        raw.peer.connection.end(for: Self.violation)
        try raw.pump()
        #expect(raw.peer.driver.isFinished && raw.peer.transportCondition == Self.violation)
        #expect(raw.peer.events.count("transport.error") == 1)
    }

    /// The program has closed the connection, and the peer then breaks a rule.
    @Test func afterOurClose() throws {
        let raw = RawPeer()
        try raw.open()
        raw.peer.connection.close()
        try raw.pump()
        raw.peer.connection.end(for: Self.violation)
        for _ in 0..<3 { try raw.pump() }
        #expect(raw.peer.driver.isFinished && raw.closeCondition == nil)
        #expect(raw.peer.events.count("connection.failed") == 0 && raw.peer.events.count("transport.error") == 1)
        #expect(raw.peer.transportCondition == Self.violation)
    }

    /// Output that the peer does not read is no reason to go on.
    @Test func withOutputThatWaits() throws {
        let raw = RawPeer()
        try raw.open()
        try raw.send(.attach(receivingFrom: "source"), .flow(credit: 1_000))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        for _ in 0..<100 { try sender.send(Message(body: .data([UInt8](repeating: 7, count: 5_000)))) }
        _ = raw.peer.driver.takeOutput(limit: 100)
        try sender.send(Message(body: 1))
        raw.peer.connection.end(for: Self.violation)
        try raw.peer.driver.dispatchEvents()
        #expect(raw.peer.driver.isInputClosed && !raw.peer.driver.isOutputClosed)
        raw.peer.connection.abort()
        try raw.pump()
        #expect(raw.peer.driver.isFinished && raw.peer.transportCondition == Self.violation)
    }

    // MARK: Behind our close

    @Test(arguments: [false, true])
    func linksBehindOurClose(pairs: Bool) throws {
        let raw = RawPeer()
        try raw.open()
        raw.peer.connection.close(Condition(.internalError, "enough"))
        try raw.pump()
        var taken = 0
        for number in 0..<5_000 {
            let handle = pairs ? 0 : UInt32(number)
            let bytes = Frame.attach("link-\(number)", handle: handle).bytes + (pairs ? Frame.detach().bytes : [])
            guard try raw.send(bytes) == bytes.count else { break }
            taken += 1
        }
        #expect(taken < 2_000 && raw.peer.driver.isInputClosed && raw.peer.driver.isOutputClosed)
    }

    @Test func framesBehindOurClose() throws {
        let raw = RawPeer()
        try raw.open()
        raw.peer.connection.close()
        try raw.pump()
        let flows = (0..<1_000).flatMap { _ in Frame.flow(credit: 0, ["handle": .null]).bytes }
        var taken = 0
        while taken < 200, try raw.send(flows) == flows.count { taken += 1 }
        #expect((10..<100).contains(taken) && raw.peer.driver.isOutputClosed)
    }

    @Test func thePeersCloseBehindOursEndsItWell() throws {
        let raw = RawPeer()
        try raw.open()
        try raw.send(.attach())
        raw.peer.connection.close()
        try raw.pump()
        try raw.send(.attach("late", handle: 1), .detach(), .flow(credit: 0, ["handle": .null]), .close())
        try raw.pump()
        #expect(raw.peer.driver.isFinished && raw.peer.transportCondition == nil)
        #expect(raw.peer.events.count("link.remoteClose") == 1 && raw.peer.events.count("connection.remoteClose") == 1)
    }

    // MARK: Sessions

    /// Proton writes nothing any more once a session finds no channel.
    @Test(arguments: [1, 64, 65, 128, 1_000])
    func sessionsBegunAndEndedInOnePacket(count: Int) throws {
        let raw = RawPeer()
        try raw.open(session: false)
        let pairs = (0..<count).flatMap { _ in Frame.begin(channel: 1).bytes + Frame.end(channel: 1).bytes }
        for _ in 0..<5 { try raw.send(pairs) }
        #expect(raw.isClosed == (count > 64) && raw.closeCondition?.name == (count > 64 ? .resourceLimitExceeded : nil))
        #expect(raw.frames.count { $0.kind == .begin } == (count > 64 ? 64 : 5 * count))
        #expect(raw.frames.count { $0.kind == .end } == (count > 64 ? 64 : 5 * count))
        #expect(raw.peer.driver.isFinished == (count > 64))
    }

    /// A peer that reads nothing meanwhile has no channel left.
    @Test func sessionsOfAPeerThatDoesNotRead() throws {
        let raw = RawPeer()
        try raw.open()
        try raw.send(.attach(receivingFrom: "source"), .flow(credit: 1_000))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        for _ in 0..<100 { try sender.send(Message(body: .data([UInt8](repeating: 7, count: 5_000)))) }
        _ = raw.peer.driver.takeOutput(limit: 100)
        let pairs = (0..<200).flatMap { _ in Frame.begin(channel: 1).bytes + Frame.end(channel: 1).bytes }
        _ = raw.peer.driver.putInput(pairs[...])
        try raw.peer.driver.dispatchEvents()
        #expect(raw.peer.driver.isInputClosed && raw.peer.connection.condition?.name == .resourceLimitExceeded)
    }

    // MARK: Opening

    @Test(arguments: [
        Frame.saslHeader.bytes + Frame.open().bytes,
        Frame.saslHeader.bytes + Frame.open().bytes + Frame.begin().bytes + Frame.attach().bytes,
        Frame.saslHeader.bytes + Frame.open().bytes + Frame.saslInit("ANONYMOUS").bytes,
    ])
    func anOpenBeforeSASLIsDone(_ bytes: [UInt8]) throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(bytes)
        #expect(raw.peer.events.count("connection.remoteOpen") == 0 && !raw.peer.connection.isRemoteOpened)
        #expect(raw.peer.driver.isFinished && raw.peer.transportCondition?.name == .notAllowed)
        #expect(raw.peer.events.count("transport.error") == 1)
    }

    @Test func anOpenOfAPeerThatWaitsForNothing() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(
            Frame.saslHeader.bytes + Frame.saslInit("ANONYMOUS").bytes + Frame.header + Frame.open().bytes)
        #expect(raw.peer.events.count("connection.remoteOpen") == 1 && !raw.isClosed)
    }

    @Test func aSecondOpen() throws {
        let raw = RawPeer()
        try raw.open()
        try raw.send(.open("another"))
        #expect(raw.peer.events.count("connection.remoteOpen") == 1 && raw.closeCondition?.name == .notAllowed)
    }

    @Test(
        arguments: [true, false], [(1, 100, false), (99, 100, false), (100, 100, true), (0, 100, true), (1, 0, true)])
    func theIdleTimeOutOfAPeer(isServer: Bool, _ row: (asked: UInt32, least: Int, isTaken: Bool)) throws {
        var limits = ConnectionLimits()
        limits.minimumRemoteIdleTimeout = .milliseconds(row.least)
        let raw = RawPeer(isServer: isServer, limits: limits)
        try raw.send(Frame.header + Frame.open("hasty", ["idle-time-out": .uint(row.asked)]).bytes)
        #expect(raw.isClosed == !row.isTaken)
        #expect(raw.peer.events.count("connection.remoteOpen") == (row.isTaken ? 1 : 0))
        guard !row.isTaken else { return }
        #expect(raw.closeCondition?.name == .notAllowed && raw.closeCondition?.description?.contains("100 ms") == true)
        #expect(raw.frames.count { $0.kind == .empty } == 0)
        #expect(raw.frames.contains { $0.kind == .open } && raw.peer.driver.isOutputClosed)
    }
}
