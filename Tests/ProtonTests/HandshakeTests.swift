// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Proton
import ProtonTesting
import Testing

/// Peers that do not open as they should: silent ones, and those of another protocol.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct HandshakeTests {
    static let name = Array("AMQP".utf8)
    static let amqp: [UInt8] = name + [0, 1, 0, 0]
    static let sasl: [UInt8] = name + [3, 1, 0, 0]
    static let beginnings: [[UInt8]] = [[], name, sasl]
    static let others: [[UInt8]] = [
        name + [0, 0, 9, 1], name + [1, 1, 0, 10], name + [0, 2, 0, 0], Array("HTTP/1.1 400 Bad Request\r\n".utf8),
        // The alert of a TLS server that wants a handshake.
        [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46, 0x00],
    ]
    static let namesOfOthers = ["0.9.1", "1.0.10", "2.0.0", "HTTP/1.1", "speaks TLS"]

    /// How long a peer has to open, with margin, on a clock that is turned.
    static let handshake = ConnectionLimits().handshakeTimeout + .seconds(1)

    /// Runs a server for as long as a client made of bytes needs.
    /// - Parameter client: is given the port, and a semaphore that is signalled for each connection the server has.
    /// - Returns: what the client returns, and what the server was told.
    private static func serve<Value: Sendable>(
        clock: TestClock? = nil, _ client: @escaping @Sendable (Int, DispatchSemaphore) throws -> Value
    ) async throws -> (Value, [String]) {
        let accepted = DispatchSemaphore(value: 0)
        let (ports, continuation) = AsyncStream<(Int, @Sendable () -> Void)>.makeStream()
        async let lines = onThread {
            let server = Scripted("server")
            defer { server.forget() }
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                // Ends when the listener is closed and the client's connection is over.
                continuation.yield((listener.port ?? 0, { listener.close() }))
                continuation.finish()
            }
            server.on("onConnectionBound") { (_: ConnectionEvent) in accepted.signal() }
            try Container(server, options: .once, clock: clock).run()
            return server.journal.lines
        }
        guard let (port, close) = await ports.first(where: { _ in true }) else { throw TestError("not started") }
        let value = try await onThread { try client(port, accepted) }
        close()
        return (value, try await lines)
    }

    // MARK: A server's clients

    @Test(arguments: beginnings + [amqp])
    func aSilentClientIsDropped(_ bytes: [UInt8]) async throws {
        let clock = TestClock()
        let (answer, lines) = try await Self.serve(clock: clock) { port, accepted in
            let peer = try ScriptedPeer(connectingTo: port)
            try peer.send(bytes: bytes)
            _ = accepted.wait(timeout: .now() + 10)
            let answer = bytes.count < 8 ? [] : try [peer.receive()]
            clock.advance(by: Self.handshake)
            return try answer + peer.receiveAll()
        }
        #expect(try bytes.count < 8 || answer.first?.encoded() == bytes)
        #expect(lines.count { $0 == "server.onTransportClosed" } == 1)
        #expect(lines.count { $0 == "server.onTransportError" } == 1)
        #expect(!lines.contains("server.onConnectionRemoteOpen"))
    }

    @Test(arguments: others)
    func anotherProtocolGetsTheHeaderAndTheEnd(_ bytes: [UInt8]) async throws {
        // By this clock the time to open is never over.
        let (answer, lines) = try await Self.serve(clock: TestClock()) { port, _ in
            let peer = try ScriptedPeer(connectingTo: port)
            try peer.send(bytes: bytes)
            return try peer.receiveAll()
        }
        #expect([.amqpHeader, .saslHeader].contains(answer.first))
        #expect(lines.contains("server.onTransportError"))
    }

    @Test func aGoodClientIsServedMeanwhile() async throws {
        let clock = TestClock()
        let (_, lines) = try await Self.serve(clock: clock) { port, accepted in
            let silent = try (0..<20).map { _ in try ScriptedPeer(connectingTo: port) }
            try Container(
                Scripted("client")
                    .on("onStart") { (event: ContainerEvent) in try event.container.connect("127.0.0.1:\(port)") }
                    .on("onConnectionOpened") { (event: ConnectionEvent) in event.connection.close() }
            ).run()
            for _ in 0...silent.count { _ = accepted.wait(timeout: .now() + 10) }
            clock.advance(by: Self.handshake)
            for peer in silent { _ = try peer.receiveAll() }
        }
        #expect(lines.count { $0 == "server.onConnectionOpened" } == 1)
        #expect(lines.count { $0 == "server.onTransportClosed" } == 21)
    }

    // MARK: A client's servers

    /// What a client is told by a server that answers with bytes and then does nothing, or goes.
    private static func errorFrom(
        _ bytes: [UInt8], closes: Bool, _ options: ConnectionOptions = .once, clock: TestClock? = nil
    ) async throws -> ProtonError? {
        await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.send(bytes: bytes)
                _ = try peer.receiveBytes()
                clock?.advance(by: Self.handshake)
                // Of no interest is what the client says, but that it goes.
                if !closes { while try !peer.receiveBytes().isEmpty {} }
            } client: { address in
                try Container(Plain { try $0.container.connect(address) }, options: options, clock: clock).run()
            }
        }
    }

    @Test(arguments: zip(others, namesOfOthers))
    func aServerOfAnotherProtocol(_ bytes: [UInt8], named text: String) async throws {
        for usesSASL in [true, false] {
            var options = ConnectionOptions.once
            options.usesSASL = usesSASL
            let error = try await Self.errorFrom(bytes, closes: true, options)
            #expect(error?.code == .protocolMismatch, "\(error?.message ?? "")")
            #expect(error?.message.contains(text) == true && error?.message.contains("AMQP 1.0.0") == true)
        }
    }

    @Test func aServerThatWantsSASL() async throws {
        let options = ConnectionOptions(usesSASL: false, reconnect: nil)
        let error = try await Self.errorFrom(Self.sasl, closes: true, options)
        #expect(error?.code == .protocolMismatch && error?.message.contains("usesSASL") == true)
    }

    @Test(arguments: beginnings)
    func aServerThatSaysNothingMore(_ bytes: [UInt8]) async throws {
        let error = try await Self.errorFrom(bytes, closes: false, clock: TestClock())
        #expect(error?.code == .timedOut && error?.message.contains("10.0 seconds") == true)
    }

    @Test func aServerThatSaysNothingIsGivenUpInTime() async throws {
        let peer = try ScriptedServer()
        defer { peer.close() }
        var options = ConnectionOptions()
        options.limits.handshakeTimeout = .milliseconds(200)
        // Without a time there would be six tries.
        options.reconnect = Backoff(maxTries: 6, maxTime: .milliseconds(200))
        let lines = try await onThread { [options] in
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in try event.container.connect(peer.address) }
            client.on("onReconnectFailed") { (event: TransportEvent) in #expect(event.error?.code == .timedOut) }
            try Container(client, options: options).run()
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onTransportError" } == 1)
        #expect(lines.count { $0 == "client.onReconnectFailed" } == 1)
    }

    @Test(arguments: beginnings + [amqp])
    func aServerThatGoes(_ bytes: [UInt8]) async throws {
        let error = try await Self.errorFrom(bytes, closes: true)
        #expect(error != nil && error?.message.contains("127.0.0.1") == true)
    }

    @Test func aServerWithoutAMechanismInCommon() async throws {
        let frame = try Frame.saslMechanisms("SCRAM-SHA-256").encoded()
        let error = try await Self.errorFrom(Self.sasl + frame, closes: false)
        #expect(error?.code == .authenticationFailed)
    }

    @Test func aPeerThatFallsSilent() async throws {
        var options = ConnectionOptions.once
        options.usesSASL = false
        options.limits.idleTimeout = .milliseconds(500)
        let error = try await Self.errorFrom(Self.amqp + Frame.open().encoded(), closes: false, options)
        #expect(error?.code == .limitExceeded || error?.code == .timedOut)
        #expect(error?.message.contains("timeout") == true || error?.message.contains("time") == true)
    }

    @Test func heartbeatsKeepAQuietConnection() throws {
        let options = ConnectionOptions(heartbeat: .milliseconds(400))
        let (client, server) = (Scripted("client"), Scripted("server"))
        let pair = try ConnectionPair(client: client, server: server, clientOptions: options, serverOptions: options)
        try pair.run()
        pair.clock.advance(by: .seconds(3_600))
        try pair.run()
        pair.client.close()
        try pair.run()
        #expect(client.journal.count("client.onConnectionClosed") == 1)
        #expect(!(client.journal.lines + server.journal.lines).contains { $0.hasSuffix("onTransportError") })
    }

    @Test func aHeartbeatComesInTimeAfterTheLastFrame() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(.open("scripted", ["idle-time-out": 8_000]))
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.send(.attach(answering: peer.expect(.attach)), .flow(credit: 1))
            try peer.expect(.transfer)
            let start = ContinuousClock.now
            try peer.expect(.empty)
            // Four seconds later: half of the time, and not half of it after proton has looked for the first time, which are seven.
            #expect(start.duration(to: .now) < .milliseconds(6_500))
            try peer.send(.close())
            try peer.expect(.close)
        } client: { address in
            let client = Plain { event in
                let connection = try event.container.connect(address, options: .once)
                let sender = try event.container.createSender(connection, "q", options: .atMostOnce)
                // In between two looks of proton's.
                event.container.schedule(after: .seconds(1)) { try sender.send(Message(body: 1)) }
            }
            try Container(client).run()
        }
    }

    /// This side may have a time-out of its own, or none: proton's proactor aborts the process where the time that it is to look
    /// again at becomes earlier more than once.
    @Test(arguments: [.zero, .seconds(60)] as [Duration])
    func aPeerThatAsksForHeartbeatsGetsThem(_ idleTimeout: Duration) async throws {
        var options = ConnectionOptions.once
        options.limits.idleTimeout = idleTimeout
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(.open("peer", ["idle-time-out": 100]))
            for _ in 0..<3 { try peer.expect(.empty) }
            try peer.send(.close())
            try peer.expect(.close, skipping: .empty)
        } client: { [options] address in
            try Container(Plain { try $0.container.connect(address) }, options: options).run()
        }
    }

    /// The same of a client, which takes several steps to log in.
    @Test(arguments: [.zero, .seconds(60)] as [Duration])
    func aClientThatAsksForHeartbeatsGetsThem(_ idleTimeout: Duration) async throws {
        try await LoginServer.run(.required(TestUsers())) {
            $0.limits.idleTimeout = idleTimeout
        } _: { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.saslHeader)
            try peer.expect(.saslHeader)
            try peer.expect(.saslMechanisms)
            try peer.send(.saslInit("PLAIN"))
            try peer.expect(.saslChallenge)
            try peer.send(Frame(.saslResponse, ["response": .binary(Array("\0anna\0secret".utf8))]))
            try peer.expect(.saslOutcome, ["code": .ubyte(0)])
            try peer.send(.amqpHeader)
            try peer.expect(.amqpHeader)
            try peer.send(.open("peer", ["idle-time-out": 200]))
            try peer.expect(.open)
            for _ in 0..<3 { try peer.expect(.empty) }
            try peer.send(.close())
            try peer.expect(.close, skipping: .empty)
        }
    }
}
