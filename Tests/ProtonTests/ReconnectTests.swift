import AMQP
import ProtonEngine
import ProtonTesting
import Testing

@testable import Proton

/// A connection that is lost, or never made, and made again: over loopback, both sides in one container.
@Suite(.timeLimit(.minutes(1)))
struct ReconnectTests {
    private static let quick = ConnectionOptions(
        reconnect: Backoff(initial: .milliseconds(5), max: .milliseconds(20), maxTries: 20))

    /// A client and a server, whose listener stays until the container stops.
    private static func run(
        _ server: Scripted, _ client: Scripted, options: ConnectionOptions = quick,
        _ setUp: @escaping (Container, Connection) throws -> Void = { _, _ in }
    ) throws {
        defer {
            server.forget()
            client.forget()
        }
        server.on("onStart") { (event: ContainerEvent) in
            let listener = try event.container.listen("127.0.0.1:0")
            let connection = try event.container.connect(
                "127.0.0.1:\(listener.port ?? 0)", handler: client, options: options)
            try setUp(event.container, connection)
        }
        try Container(server).run()
    }

    @Test func sessionsLinksAndCreditAreRestored() async throws {
        let lines = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            var got: [String] = []
            server.on("onSendable") { (event: SenderEvent) in try event.sender.send(Message(body: "down")) }
            client.on("onSendable") { (event: SenderEvent) in
                if !got.contains("up") || got.contains("drop") { try event.sender.send(Message(body: "up")) }
            }
            server.on("onMessage") { (event: MessageEvent) in
                got.append("\(event.message.body)")
                if !got.contains("drop") {
                    got.append("drop")
                    event.connection.abort()
                } else if got.contains("down again") {
                    event.container.stop()
                }
            }
            client.on("onMessage") { (event: MessageEvent) in
                got.append(got.contains("drop") ? "down again" : "down")
            }
            try Self.run(server, client) { container, connection in
                try container.createSender(connection, "a", name: "out")
                try container.createReceiver(connection, "b", name: "in")
            }
            #expect(got.contains("down again") && got.count { $0 == "up" } >= 2)
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onDisconnected" } == 1)
        for callback in ["onConnectionOpened", "onSessionOpened"] {
            #expect(lines.count { $0 == "client.\(callback)" } == 2)
        }
        #expect(lines.count { $0 == "client.onLinkOpened" } >= 3)
        for callback in ["onConnectionLocalOpen", "onConnectionInit", "onConnectionFinal", "onSessionFinal"] {
            #expect(lines.count { $0 == "client.\(callback)" } == 1)
        }
        #expect(lines.count { $0 == "client.onLinkFinal" } == 2)
        // The order of Python: the transport, what follows from its loss, and then the next one.
        let transports = lines.filter { line in
            ["Bound", "Unbound", "TransportClosed", "Disconnected"].contains {
                line.hasPrefix("client.") && line.hasSuffix($0)
            }
        }
        let loss = ["client.onTransportClosed", "client.onDisconnected", "client.onConnectionUnbound"]
        let end = ["client.onTransportClosed", "client.onConnectionUnbound"]
        #expect(transports == ["client.onConnectionBound"] + loss + ["client.onConnectionBound"] + end)
        #expect(!lines.contains("client.onReconnectFailed"))
    }

    /// The steps of an opening at which a server drops its client.
    private static let steps = [
        "onConnectionRemoteOpen", "onConnectionOpened", "onSessionOpened", "onLinkRemoteOpen", "onLinkOpened",
        "onMessage", "onTransport",
    ]

    @Test(arguments: steps, [false, true])
    func everyMessageArrivesWhereverItDrops(_ step: String, forced: Bool) async throws {
        let ids = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            var drops = 0
            var got: Set<String> = []
            func drop(_ connection: Connection) {
                guard connection.isIncoming, drops < 3 else { return }
                drops += 1
                if forced {
                    connection.open()
                    connection.close(Condition(.connectionForced, "going down"))
                } else {
                    connection.abort()
                }
            }
            server.on(step) { (event: ConnectionEvent) in drop(event.connection) }
            server.on(step) { (event: SessionEvent) in drop(event.connection) }
            server.on(step) { (event: LinkEvent) in drop(event.connection) }
            server.on(step) { (event: TransportEvent) in drop(event.connection) }
            server.on("onMessage") { (event: MessageEvent) in
                if step == "onMessage" { drop(event.connection) }
                got.insert(event.message.id?.description ?? "")
            }
            let total = 30
            var (sent, confirmed) = (0, 0)
            client.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, sent < total {
                    sent += 1
                    try event.sender.send(Message(id: MessageID(sent), body: "x"))
                }
            }
            client.on("onAccepted") { (event: DeliveryEvent) in
                confirmed += 1
                if confirmed == total { event.container.stop() }
            }
            client.on("onDisconnected") { (_: TransportEvent) in sent = confirmed }
            try Self.run(server, client) { container, connection in try container.createSender(connection, "a") }
            #expect(drops == 3 || step == "onTransport")
            return got
        }
        #expect(ids.count == 30)
    }

    @Test func aRefusedConnectionIsTriedUntilSomebodyListens() async throws {
        let lines = try await onThread {
            // A port that is free, and nobody's for a moment.
            let nobody = try ScriptedServer()
            let port = nobody.port
            nobody.close()
            let client = Scripted("client")
            defer { client.forget() }
            var errors = 0
            client.on("onTransportError") { (event: TransportEvent) in
                errors += 1
                if errors == 2 { try event.container.listen("127.0.0.1:\(port)") }
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in event.container.stop() }
            let server = Plain { event in
                try event.container.connect("127.0.0.1:\(port)", handler: client, options: Self.quick)
            }
            try Container(server).run()
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onTransportError" } == 2)
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
        let lines = try await onThread {
            let client = Scripted("client")
            client.on("onStart") { (event: ContainerEvent) in try event.container.connect("127.0.0.1:1") }
            defer { client.forget() }
            try Container(
                client, options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(1), maxTries: 3))
            ).run()
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onTransportError" } == 3)
        #expect(lines.count { $0 == "client.onReconnectFailed" } == 1)
        #expect(!lines.contains("client.onDisconnected"))
    }

    @Test func whatIsNotMadeAgainEndsWithItsTransport() async throws {
        let lines = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            var drops = 0
            client.on("onLinkOpened") { (event: LinkEvent) in
                if drops > 0 { return event.container.stop() }
                // The peer goes before it can answer.
                if event.link.name == "out" { event.link.close() }
                event.connection.abort(Condition("test:drop", nil))
            }
            client.on("onDisconnected") { (event: TransportEvent) in
                drops += 1
                for link in event.connection.links where link.name == "out" { link.close() }
            }
            try Self.run(server, client) { container, connection in
                try container.createSender(connection, "a", name: "out")
                try container.createReceiver(connection, "b", name: "in")
            }
            return client.journal.lines
        }
        let finals = lines.filter { $0.hasSuffix("Final") || $0.hasSuffix("Unbound") }
        #expect(
            finals == [
                "client.onConnectionUnbound", "client.onLinkFinal", "client.onConnectionUnbound", "client.onLinkFinal",
                "client.onSessionFinal", "client.onConnectionFinal",
            ])
    }

    @Test func aConnectionThatIsGivenUpHasItsLastEventToo() async throws {
        let lines = try await onThread {
            let client = Scripted("client")
            client.on("onStart") { (event: ContainerEvent) in
                let connection = try event.container.connect("127.0.0.1:1")
                try event.container.createSender(connection, "a")
            }
            defer { client.forget() }
            try Container(
                client, options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(1), maxTries: 2))
            ).run()
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onConnectionBound" } == 2)
        #expect(lines.count { $0 == "client.onConnectionUnbound" } == 2)
        #expect(
            lines.suffix(5) == [
                "client.onReconnectFailed", "client.onLinkFinal", "client.onSessionFinal", "client.onConnectionFinal",
                "client.onReactorFinal",
            ])
    }

    @Test func aPeerThatDropsWhatItTakesIsNotTriedWithoutEnd() async throws {
        let lines = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            server.on("onConnectionOpened") { (event: ConnectionEvent) in event.connection.abort() }
            client.on("onReconnectFailed") { (event: TransportEvent) in event.container.stop() }
            try Self.run(
                server, client, options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(1), maxTries: 4)))
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onReconnectFailed" } == 1)
        #expect(lines.count { $0 == "client.onTransportClosed" } == 4)
    }

    @Test func withoutReconnectALossIsTheEnd() async throws {
        let lines = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            server.on("onMessage") { (event: MessageEvent) in event.connection.abort() }
            client.on("onSendable") { (event: SenderEvent) in try event.sender.send(Message(body: "x")) }
            client.on("onDisconnected") { (event: TransportEvent) in event.container.stop() }
            try Self.run(server, client, options: .once) { try $0.createSender($1, "a") }
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onTransportClosed" } == 1 && !lines.contains("client.onReconnectFailed"))
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
                try event.container.connect("127.0.0.1:1", handler: client, options: Self.quick)
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
                try event.container.connect("127.0.0.1:\(closed)", handler: client, options: Self.quick)
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

    @Test func theMailboxBetweenTwoConnections() async throws {
        let log = SharedLog()
        try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            var drops = 0
            server.on("onConnectionOpened") { (event: ConnectionEvent) in
                guard event.connection.isIncoming, drops == 0 else { return }
                drops += 1
                event.connection.abort()
            }
            client.on("onTransportClosed") { (event: TransportEvent) in
                let queue = event.connection.workQueue
                guard drops == 1, !event.container.isStopping else { return }
                queue.add { log.note("work \($0.transport == nil)") }
                Task(executorPreference: queue) { log.note("task \(queue.isIsolatingCurrentContext() == true)") }
                event.container.schedule(after: .milliseconds(20)) {
                    queue.add { connection in
                        log.note("later \(connection.transport == nil)")
                        try connection.session().makeSender(name: "made-meanwhile").open()
                    }
                }
            }
            client.on("onLinkOpened") { (event: LinkEvent) in
                log.note(event.link.name)
                event.container.stop()
            }
            try Self.run(
                server, client,
                options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(100), jitter: 0)))
        }
        #expect(Set(log.lines) == ["work true", "task true", "later true", "made-meanwhile"])
    }

    @Test(arguments: [1, 4])
    func manyConnectionsOnThreads(_ threads: Int) async throws {
        let opened = Counter()
        try await onThread {
            final class Crowd: MessagingHandler, Sendable {
                let opened: Counter
                init(_ opened: Counter) { self.opened = opened }

                func onStart(_ event: ContainerEvent) throws {
                    let port = try event.container.listen("127.0.0.1:0").port ?? 0
                    for _ in 0..<20 {
                        let connection = try event.container.connect("localhost:\(port)", options: ReconnectTests.quick)
                        try event.container.createSender(connection, "a")
                    }
                }
                func onLinkOpened(_ event: LinkEvent) {
                    // Each of the twenty is dropped twice, from its own side, and stays the third time.
                    guard !event.connection.isIncoming else { return }
                    opened.increment()
                    if opened.value >= 60 { return event.container.stop() }
                    event.connection.abort(Condition("test:drop", nil))
                }
                func onTransportError(_ event: TransportEvent) {}
            }
            try Container().run(threads: threads, handler: Crowd(opened))
        }
        #expect(opened.value >= 60)
    }
}
