// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

@testable import Proton

/// What a connection that is made again has to get right, against peers that say exactly what a script does.
@Suite(.timeLimit(.minutes(1)))
struct RecoveryTests {
    /// Has the client log in with a password, and opens the connection.
    private static func logIn(_ peer: ScriptedPeer) throws {
        try peer.send(bytes: Array("AMQP".utf8) + [3, 1, 0, 0])
        try peer.expect(.saslHeader)
        try peer.send(.saslMechanisms("ANONYMOUS", "PLAIN"))
        try peer.expect(
            .saslInit, ["mechanism": .symbol("PLAIN"), "initial-response": .binary(Array("\0me\0secret".utf8))])
        try peer.send(.saslOutcome(0))
        try peer.expect(.amqpHeader)
        try peer.send(bytes: Array("AMQP".utf8) + [0, 1, 0, 0])
        try peer.send(.open())
        try peer.expect(.open)
    }

    @Test func thePasswordIsGivenAtEveryTry() async throws {
        try await withScriptedServer { server in
            for _ in 0..<3 {
                let peer = try server.accept()
                try Self.logIn(peer)
                peer.close()
            }
            let last = try server.accept()
            try Self.logIn(last)
            try last.send(.close())
            try last.expect(.close)
        } client: { address in
            try Container(Plain { try $0.container.connect("me:secret@\(address)", options: .quick) }).run()
        }
    }

    @Test func whoGivesAPasswordIsNotLoggedInWithout() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.send(bytes: Array("AMQP".utf8) + [3, 1, 0, 0])
                try peer.expect(.saslHeader)
                try peer.send(.saslMechanisms("ANONYMOUS"))
                try peer.expectEnd()
            } client: { address in
                try Container(Plain { try $0.container.connect("me:secret@\(address)", options: .quick) }).run()
            }
        }
        #expect(error?.code == .authenticationFailed && error?.message.contains("leave the password out") == true)
    }

    @Test(arguments: ["amqp:internal-error", "amqp:connection:forced", "amqp:resource-limit-exceeded", "acme:update"])
    func aBrokerThatStopsIsTriedAgain(_ condition: Symbol) async throws {
        let lines = try await withScriptedServer { server in
            let first = try server.accept()
            try first.handshake()
            try first.send(.close(error: Condition(condition, "Connection forced")))
            try first.expectEnd()
            let second = try server.accept()
            try second.handshake()
            try second.send(.close())
            try second.expect(.close)
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                try event.container.connect(address, options: .quick)
            }
            client.on("onDisconnected") { (event: TransportEvent) in
                #expect(event.error?.code == .connectionError && event.error?.condition?.name == condition)
                #expect(event.error?.message.contains("Connection forced") == true)
            }
            try Container(client).run()
            return client.journal.lines
        }
        for callback in ["onTransportError", "onDisconnected", "onConnectionClosing"] {
            #expect(lines.count { $0 == "client.\(callback)" } == 1)
        }
        #expect(!lines.contains("client.onConnectionError"))
    }

    @Test(arguments: [ReconnectPolicy.transient, ReconnectPolicy { $0.condition?.name != "amqp:internal-error" }])
    func aConditionThatIsFinalIsAnError(_ policy: ReconnectPolicy) async throws {
        for condition: Symbol in ["amqp:not-found", "amqp:internal-error"]
        where !policy.triesAgain(after: ProtonError(.connectionError, "", condition: Condition(condition))) {
            let error = await #expect(throws: ProtonError.self) {
                try await withScriptedServer { server in
                    let peer = try server.accept()
                    try peer.handshake()
                    try peer.send(.close(error: Condition(condition, "no such host")))
                    try peer.expect(.close)
                } client: { address in
                    let options = ConnectionOptions(reconnectPolicy: policy)
                    try Container(Plain { try $0.container.connect(address, options: options) }).run()
                }
            }
            #expect(error?.code == .connectionError && error?.condition?.name == condition)
        }
    }

    /// A frame of a performative that there is none of.
    private static let nonsense: [UInt8] = [0, 0, 0, 12, 2, 0, 0, 0, 0x00, 0x53, 0x99, 0x45]

    @Test func aServerThatSendsNonsenseAndGoesIsNoticedAtOnce() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.handshake()
                try peer.send(bytes: Self.nonsense)
                peer.close()
            } client: { address in
                try Container(Plain { try $0.container.connect(address, options: .once) }).run()
            }
        }
        // A minute later it would be the idle time-out.
        #expect(error?.code == .protocolViolation)
    }

    @Test func aClientThatSendsNonsenseIsToldAndGoneAtOnce() async throws {
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        async let errors = onThread {
            let server = Scripted("server")
            defer { server.forget() }
            var errors: [ProtonError.Code?] = []
            server.on("onStart") { (event: ContainerEvent) in
                continuation.yield(try event.container.listen("127.0.0.1:0").port ?? 0)
            }
            server.on("onTransportError") { (event: TransportEvent) in errors.append(event.error?.code) }
            server.on("onTransportClosed") { (event: TransportEvent) in event.container.stop() }
            try Container(server).run()
            return errors
        }
        guard let port = await ports.first(where: { _ in true }) else { throw TestError("not started") }
        try await onThread {
            let peer = try ScriptedPeer(connectingTo: port)
            try peer.handshake()
            try peer.send(bytes: Self.nonsense)
            try peer.expect(.close)
            try peer.expectEnd()
        }
        #expect(try await errors == [.protocolViolation])
    }

    @Test func linksAreCountedOnceAndToldOnce() async throws {
        let lines = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            defer {
                server.forget()
                client.forget()
            }
            var opened = 0
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                var options = ConnectionOptions.quick
                options.limits.maxLinks = 4
                let connection = try event.container.connect(
                    "127.0.0.1:\(listener.port ?? 0)", handler: client, options: options)
                for name in ["a", "b", "c"] { try event.container.createSender(connection, name) }
            }
            client.on("onLinkOpened") { (event: LinkEvent) in
                opened += 1
                if opened == 3 || opened == 6 { event.connection.abort(Condition("test:drop")) }
                if opened == 9 { event.container.stop() }
            }
            client.on("onConnectionError") { (event: ConnectionEvent) in event.container.stop() }
            try Container(server).run()
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onLinkOpened" } == 9)
        for (callback, count) in [("onLinkInit", 3), ("onLinkLocalOpen", 3), ("onLinkFinal", 3), ("onSessionInit", 1)] {
            #expect(lines.count { $0 == "client.\(callback)" } == count, "\(callback)")
        }
    }

    @Test func aFailureDoesNotWaitForAConnectionThatIsToBeTriedAgain() async throws {
        struct Failure: Error {}
        await #expect(throws: Failure.self) {
            try await onThread {
                let client = Scripted("client")
                defer { client.forget() }
                let options = ConnectionOptions(
                    reconnect: Backoff(initial: .seconds(3_600), max: .seconds(3_600), jitter: 0))
                client.on("onStart") { (event: ContainerEvent) in
                    try event.container.connect("127.0.0.1:1", options: options)
                }
                client.on("onTransportError") { (event: TransportEvent) in
                    // The wait begins after this callback.
                    event.container.schedule(after: .zero) { throw Failure() }
                }
                let container = try Container(client)
                // After two seconds it would end with what is left.
                defer { #expect(container.isIdleInMemory) }
                try container.run()
            }
        }
    }

    @Test func aTimerThatSetsItselfAgainLeavesOthersTheirTurn() async throws {
        try await onThread {
            let exchange = Exchange()
            exchange.client.on("onSendable") { (event: SenderEvent) in try event.sender.send(Message(body: "x")) }
            exchange.server.on("onMessage") { (event: MessageEvent) in event.container.stop() }
            try exchange.run { container, connection in
                try container.createSender(connection, "a")
                func again() {
                    if !container.isStopping { container.schedule(after: .zero, again) }
                }
                again()
            }
        }
    }

    @Test func aConnectionOutlivesTheContainerThatNeverRan() async throws {
        try await onThread {
            let connection: Connection
            var seen: [Bool] = []
            do {
                let container = try Container(Plain(), id: "gone")
                connection = try container.connect("127.0.0.1:1")
            }
            seen.append(connection.container.isStopping)
            #expect(connection.container.id == "gone" && connection.state == .closed && seen == [true])
            #expect(throws: ProtonError.self) { try connection.container.connect("127.0.0.1:1") }
            #expect(throws: ProtonError.self) { try connection.container.run() }
        }
    }
}
