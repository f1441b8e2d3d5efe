// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

@testable import Proton

/// A connection that is lost, and made again: over loopback, both sides in one container.
@Suite(.timeLimit(.minutes(1)))
struct ReconnectTests {
    /// A client and a server, whose listener stays until the container stops.
    private static func run(
        _ server: Scripted, _ client: Scripted, options: ConnectionOptions = .quick, clock: TestClock? = nil,
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
        try Container(server, clock: clock).run()
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

    @Test func aPeerThatDropsWhatItTakesIsNotTriedWithoutEnd() async throws {
        let lines = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            server.on("onConnectionOpened") { (event: ConnectionEvent) in event.connection.abort() }
            client.on("onReconnectFailed") { (event: TransportEvent) in event.container.stop() }
            let clock = TestClock()
            client.on("onTransportClosed") { (event: TransportEvent) in
                // The wait begins after this callback. A connection that has lasted a second would count as made.
                event.container.schedule(after: .zero) { clock.advance(by: .milliseconds(100)) }
            }
            let options = ConnectionOptions(reconnect: Backoff(initial: .milliseconds(1), maxTries: 4))
            try Self.run(server, client, options: options, clock: clock)
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

    @Test func theMailboxBetweenTwoConnections() async throws {
        let log = SharedLog()
        try await onThread {
            let (server, client, clock) = (Scripted("server"), Scripted("client"), TestClock())
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
                Task(executorPreference: queue.taskExecutor) {
                    log.note("task \(queue.isIsolatingCurrentContext() == true)")
                }
                // The wait begins after this callback.
                event.container.schedule(after: .zero) {
                    queue.add { connection in
                        log.note("later \(connection.transport == nil)")
                        try connection.session().makeSender(name: "made-meanwhile").open()
                        clock.advance(by: .seconds(3_600))
                    }
                }
            }
            client.on("onLinkOpened") { (event: LinkEvent) in
                log.note(event.link.name)
                event.container.stop()
            }
            let options = ConnectionOptions(
                reconnect: Backoff(initial: .seconds(3_600), max: .seconds(3_600), jitter: 0))
            try Self.run(server, client, options: options, clock: clock)
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
                        let connection = try event.container.connect("localhost:\(port)", options: .quick)
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
