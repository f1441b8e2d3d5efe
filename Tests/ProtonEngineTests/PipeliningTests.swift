// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// Peers that do not wait for an answer before they go on, and such that never give one.
struct PipeliningTests {
    /// A client that sends its log-in, without an initial response, and its opening in one go.
    @Test func aClientThatDoesNotWaitForTheServer() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(.saslHeader, .saslInit("ANONYMOUS"), .amqpHeader, .open())
        #expect(raw.peer.events.count("connection.remoteOpen") == 1 && raw.peer.connection.user == "anonymous")
        #expect(raw.frames.first == .saslHeader && raw.frames.contains { $0.kind == .open })
        // Nothing more is said until something more comes.
        let count = raw.answer.count
        try raw.pump()
        #expect(raw.answer.count == count && !raw.isClosed)
    }

    /// A server whose mechanisms, outcome and header come in one go; `first` is whether before the client has spoken.
    @Test(arguments: [true, false])
    func aServerThatDoesNotWaitForTheClient(first: Bool) throws {
        let raw = RawPeer(isServer: false, usesSASL: true)
        if !first { try raw.pump() }
        #expect(raw.answer.isEmpty == first)
        let mechanisms = Frame(.saslMechanisms, ["sasl-server-mechanisms": "ANONYMOUS"])
        try raw.send(.saslHeader, mechanisms, .saslOutcome(0), .amqpHeader, .open())
        #expect(raw.peer.connection.state == .active && raw.peer.connection.transport?.isAuthenticated == true)
        #expect(raw.frames.contains { $0.kind == .saslInit } && raw.frames.contains { $0.kind == .open })
    }

    @Test(arguments: [false, true])
    func aServerThatNeverAnswersIsGivenUp(usesSASL: Bool) throws {
        var limits = ConnectionLimits()
        limits.idleTimeout = .seconds(1)
        let raw = RawPeer(isServer: false, limits: limits, usesSASL: usesSASL)
        try raw.pump()
        let driver = raw.peer.driver
        _ = driver.tick(1_000)
        _ = driver.tick(5_000)
        try raw.pump()
        #expect(raw.peer.events.count("transport.error") == 1)
        #expect(raw.peer.events.names.suffix(2) == ["transport.closed", "connection.unbound"])
        #expect(raw.peer.transportCondition?.name == .resourceLimitExceeded)
        #expect(driver.isInputClosed && driver.isOutputClosed)
        // Without a SASL layer that was done, there is nothing to close.
        #expect(raw.frames.contains { $0.kind == .close } == !usesSASL)
    }

    /// proton numbers channels up to 32,767, whatever the limit.
    @Test(arguments: [(1, UInt16(0)), (1_235, 1_234), (32_768, 32_767), (65_536, 32_767)])
    func theLimitOfSessionsIsTold(sessions: Int, channelMax: UInt16) throws {
        var limits = ConnectionLimits()
        limits.maxSessions = sessions
        try limits.validate()
        let raw = RawPeer(limits: limits)
        try raw.open(session: false)
        let open = try #require(raw.frames.first { $0.kind == .open })
        // A field that has its default may be left out (AMQP 1.0, 2.7.1: 65,535).
        #expect(open["channel-max"] == .ushort(channelMax))
    }
}
