import AMQP
import ProtonEngine
import Testing

/// Peers that do not wait for an answer before they go on, and such that never give one.
struct PipeliningTests {
    private static func sasl(_ code: UInt64, _ fields: AMQPValue...) -> [UInt8] {
        Frame(type: 1, code: code, fields: fields).bytes
    }

    /// A client that sends its log-in, without an initial response, and its opening in one go.
    @Test func aClientThatDoesNotWaitForTheServer() throws {
        let raw = RawPeer(usesSASL: true)
        let initial = Self.sasl(0x41, .symbol("ANONYMOUS"), .null)
        try raw.send(Frame.saslHeader + initial + Frame.header + Frame.open().bytes)
        #expect(raw.peer.events.count("connection.remoteOpen") == 1 && raw.peer.connection.user == "anonymous")
        #expect(raw.answer.starts(with: Frame.saslHeader) && raw.frames.contains { $0.code == 0x10 })
        // Nothing more is said until something more comes.
        let count = raw.answer.count
        try raw.pump()
        #expect(raw.answer.count == count && !raw.isClosed)
    }

    /// A server whose mechanisms, outcome and header come in one go; `first` is whether before the client has spoken.
    @Test(arguments: [true, false])
    func aServerThatDoesNotWaitForTheClient(first: Bool) throws {
        let raw = RawPeer(isServer: false, usesSASL: true)
        let mechanisms = Self.sasl(0x40, .symbol("ANONYMOUS"))
        let bytes = Frame.saslHeader + mechanisms + Self.sasl(0x44, .ubyte(0)) + Frame.header + Frame.open().bytes
        if !first { try raw.pump() }
        #expect(raw.answer.isEmpty == first)
        try raw.send(bytes)
        #expect(raw.peer.connection.state == .active && raw.peer.connection.transport?.isAuthenticated == true)
        #expect(raw.frames.contains { $0.type == 1 && $0.code == 0x41 } && raw.frames.contains { $0.code == 0x10 })
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
        #expect(raw.frames.contains { $0.code == 0x18 } == !usesSASL)
    }

    /// proton numbers channels up to 32,767, whatever the limit.
    @Test(arguments: [(1, UInt16(0)), (1_235, 1_234), (32_768, 32_767), (65_536, 32_767)])
    func theLimitOfSessionsIsTold(sessions: Int, channelMax: UInt16) throws {
        var limits = ConnectionLimits()
        limits.maxSessions = sessions
        try limits.validate()
        let raw = RawPeer(limits: limits)
        try raw.open(session: false)
        let open = try #require(raw.frames.first { $0.code == 0x10 })
        // A field that has its default may be left out (AMQP 1.0, 2.7.1: 65,535).
        #expect(open[3] == .ushort(channelMax))
    }
}
