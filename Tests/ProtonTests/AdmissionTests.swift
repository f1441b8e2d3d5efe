// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// How many connections a listener takes, and what becomes of the others.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct AdmissionTests {
    @Test func oneTooManyIsToldSoAndTheNextIsServed() async throws {
        let (lines, condition) = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client", Journal()))
            defer {
                server.forget()
                client.forget()
            }
            var address = ""
            var listener: Listener?
            var condition: Condition?
            var connections: [Connection] = []
            server.on("onStart") { (event: ContainerEvent) in
                let started = try event.container.listen("127.0.0.1:0", maxConnections: 1)
                (listener, address) = (started, "127.0.0.1:\(started.port ?? 0)")
                connections.append(try event.container.connect(address, handler: client))
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                if event.connection === connections[0] {
                    connections.append(try event.container.connect(address, handler: client, options: .once))
                } else if connections.count == 3 {
                    event.connection.close()
                }
            }
            client.on("onConnectionError") { (event: ConnectionEvent) in
                condition = event.connection.remoteCondition
                connections[0].close()
            }
            server.on("onTransportClosed") { (event: TransportEvent) in
                if connections.count == 2 {
                    connections.append(try event.container.connect(address, handler: client))
                } else {
                    listener?.close()
                }
            }
            try Container(server).run()
            return (server.journal.lines, condition)
        }
        #expect(condition?.name == .resourceLimitExceeded)
        #expect(condition?.description?.hasPrefix("There are 1 connections") == true)
        #expect(lines.count { $0 == "server.onConnectionInit" } == 2, "no handler is told of what is refused")
    }

    @Test func whenManyComeTheyAreDropped() async throws {
        let (ports, continuation) = AsyncStream<(Int, @Sendable () -> Void)>.makeStream()
        async let lines = onThread {
            let server = Scripted("server")
            defer { server.forget() }
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0", maxConnections: 2)
                continuation.yield((listener.port ?? 0, { listener.close() }))
                continuation.finish()
            }
            try Container(server).run()
            return server.journal.lines
        }
        guard let (port, close) = await ports.first(where: { _ in true }) else { throw TestError("not started") }
        try await onThread {
            defer { close() }
            // Two are served, eight could be told of the limit if they said a word.
            let first = try (0..<10).map { _ in try ScriptedPeer(connectingTo: port) }
            defer { for peer in first { peer.close() } }
            for _ in 0..<20 {
                try ScriptedPeer(connectingTo: port).expectEnd()
            }
        }
        #expect(try await lines.count { $0 == "server.onConnectionInit" } == 2)
    }

    @Test(arguments: [0, -1])
    func aLimitBelowOneMakesNoSense(limit: Int) throws {
        let container = try Container(Plain())
        let error = #expect(throws: ProtonError.self) {
            try container.listen("127.0.0.1:0", maxConnections: limit)
        }
        #expect(error?.code == .invalidArgument)
    }
}
