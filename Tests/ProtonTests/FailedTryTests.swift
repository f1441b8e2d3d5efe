// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import Proton

/// Tries to reach a peer that fail: which follow, with what, and what ends them.
@Suite(.timeLimit(.minutes(1)))
struct FailedTryTests {
    @Test func aRefusedConnectionIsTriedUntilSomebodyListens() async throws {
        let lines = try await onThread {
            let held = try HeldPort()
            let client = Scripted("client")
            defer { client.forget() }
            var errors = 0
            client.on("onTransportError") { (event: TransportEvent) in
                errors += 1
                if errors == 2 { try event.container.listen(held.address) }
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in event.container.stop() }
            let server = Plain { event in
                try event.container.connect(held.address, handler: client, options: .quick)
            }
            try Container(server).run()
            withExtendedLifetime(held) {}
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onTransportError" } == 2)
    }

    /// What a client is told that tries to reach nobody.
    private static func giveUp(tries: Int) async throws -> [String] {
        try await onThread {
            let client = Scripted("client")
            client.on("onStart") { (event: ContainerEvent) in
                let connection = try event.container.connect("127.0.0.1:1")
                try event.container.createSender(connection, "a")
            }
            defer { client.forget() }
            try Container(
                client, options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(1), maxTries: tries))
            ).run()
            return client.journal.lines
        }
    }

    @Test func itGivesUp() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                try Container(
                    Plain { try $0.container.connect("127.0.0.1:1") },
                    options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(1), maxTries: 3))
                ).run()
            }
        }
        #expect(error?.code == .connectFailed && error?.message.contains("127.0.0.1:1") == true)
        let lines = try await Self.giveUp(tries: 3)
        #expect(lines.count { $0 == "client.onTransportError" } == 3)
        #expect(lines.count { $0 == "client.onReconnectFailed" } == 1)
        #expect(!lines.contains("client.onDisconnected"))
    }

    @Test func aConnectionThatIsGivenUpHasItsLastEventToo() async throws {
        let lines = try await Self.giveUp(tries: 2)
        #expect(lines.count { $0 == "client.onConnectionBound" } == 2)
        #expect(lines.count { $0 == "client.onConnectionUnbound" } == 2)
        #expect(
            lines.suffix(5) == [
                "client.onReconnectFailed", "client.onLinkFinal", "client.onSessionFinal", "client.onConnectionFinal",
                "client.onReactorFinal",
            ])
    }

    @Test func theNextOfSeveralURLs() async throws {
        let hosts = try await onThread {
            var seen: [String] = []
            let client = Scripted("client")
            defer { client.forget() }
            let server = Plain { event in
                let listener = try event.container.listen("127.0.0.1:0")
                try event.container.connect(
                    ["127.0.0.1:1", "127.0.0.2:1", "127.0.0.1:\(listener.port ?? 0)"], handler: client, options: .once)
            }
            client.on("onTransportError") { (event: TransportEvent) in seen.append(event.connection.hostname ?? "") }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                seen.append(event.connection.hostname ?? "")
                event.container.stop()
            }
            try Container(server).run()
            return seen
        }
        #expect(hosts == ["127.0.0.1", "127.0.0.2", "127.0.0.1"])
    }

    @Test func aNameWithSeveralAddresses() async throws {
        // `localhost` may have an address of each kind: that nobody listens on one of them is not told.
        let lines = try await onThread {
            let client = Scripted("client")
            defer { client.forget() }
            let server = Plain { event in
                let listener = try event.container.listen("127.0.0.1:0")
                let connection = try event.container.connect(
                    "localhost:\(listener.port ?? 0)", handler: client, options: .once)
                try event.container.createReceiver(connection, "a").flow(3)
            }
            client.on("onLinkOpened") { (event: LinkEvent) in
                #expect(event.link.credit >= 3)
                event.container.stop()
            }
            try Container(server).run()
            return client.journal.lines
        }
        #expect(!lines.contains("client.onTransportError"))
        for callback in ["onConnectionInit", "onConnectionLocalOpen", "onLinkLocalOpen", "onLinkOpened"] {
            #expect(lines.count { $0 == "client.\(callback)" } == 1)
        }
    }

    @Test func aNameThatNobodyKnows() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                try Container(Plain { try $0.container.connect("no-such-host.invalid") }, options: .once).run()
            }
        }
        #expect(error?.code == .connectFailed && error?.message.contains("no-such-host.invalid:5672") == true)
    }

    @Test(arguments: ["stop", "close"])
    func endedWhileItWaits(_ how: String) async throws {
        let lines = try await onThread {
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                try event.container.createSender(event.container.connect("127.0.0.1:1"), "a")
            }
            client.on("onTransportError") { (event: TransportEvent) in
                let (container, connection) = (event.container, event.connection)
                // The wait begins after this callback.
                container.schedule(after: .zero) {
                    if how == "stop" { container.stop() } else { connection.close() }
                }
            }
            // By this clock the wait never ends.
            try Container(client, options: ConnectionOptions(), clock: TestClock()).run()
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onTransportError" } == 1 && !lines.contains("client.onReconnectFailed"))
    }

    @Test func whatTheProgramChangesForTheNextTry() async throws {
        let (users, lines) = try await onThread {
            var users: [String] = []
            let client = Scripted("client")
            defer { client.forget() }
            var port = 0
            let server = Plain { event in
                port = try event.container.listen("127.0.0.1:0").port ?? 0
                try event.container.connect("127.0.0.1:1", handler: client, options: .quick)
            }
            client.on("onTransportError") { (event: TransportEvent) in
                users.append(event.connection.user ?? "none")
                try event.connection.setNextTry(urls: ["127.0.0.1:\(port)"]) { options in
                    options.user = "second"
                    options.virtualHost = "elsewhere"
                }
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                users.append(event.connection.user ?? "none")
                users.append(event.connection.hostname ?? "none")
                event.container.stop()
            }
            try Container(server).run()
            return (users, client.journal.lines)
        }
        #expect(users == ["none", "second", "elsewhere"])
        #expect(lines.count { $0 == "client.onTransportError" } == 1)
    }

    @Test(arguments: [false, true])
    func aRefusedLogInIsTriedAgainOnlyIfSomethingChanged(changing: Bool) async throws {
        let (errors, lines) = try await onThread {
            var errors: [ProtonError.Code?] = []
            let client = Scripted("client")
            defer { client.forget() }
            let server = Plain { event in
                // PLAIN without a file of users refuses everybody.
                let strict = ConnectionOptions(allowedMechanisms: ["PLAIN"])
                let open = try event.container.listen("127.0.0.1:0").port ?? 0
                let closed = try event.container.listen("127.0.0.1:0", options: strict).port ?? 0
                client.on("onTransportError") { (event: TransportEvent) in
                    errors.append(event.error?.code)
                    if changing { try event.connection.setNextTry(urls: ["127.0.0.1:\(open)"]) }
                }
                try event.container.connect("127.0.0.1:\(closed)", handler: client, options: .quick)
            }
            for callback in ["onConnectionOpened", "onReconnectFailed"] {
                client.on(callback) { (event: ConnectionEvent) in event.container.stop() }
                client.on(callback) { (event: TransportEvent) in event.container.stop() }
            }
            try Container(server).run()
            return (errors, client.journal.lines)
        }
        #expect(errors == [.authenticationFailed])
        #expect(lines.contains("client.onConnectionOpened") == changing)
        #expect(lines.contains("client.onReconnectFailed") == !changing)
    }
}
