// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import ProtonTesting
import Testing

@testable import Proton

/// What a client says of itself and of its peer when it connects, and what of that the two sides see.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ConnectingTests {
    /// What the two sides see of each other.
    private struct Sight: Sendable {
        var hostname: String?
        var clientAddress: String?
        var serverAddress: String?
        var port = 0
        var isOfContainer = false
    }

    /// Connects once, with a handler of the connection's own.
    private static func connect(
        host: String, options: ConnectionOptions = .once
    ) async throws -> Sight {
        try await onThread {
            var sight = Sight()
            let (server, client) = (Scripted("server"), Scripted("client"))
            defer { for scripted in [server, client] { scripted.forget() } }
            let container = try Container(server)
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("\(host):0")
                sight.port = listener.port ?? 0
                try event.container.connect("\(host):\(sight.port)", handler: client, options: options)
            }
            server.on("onConnectionOpened") { (event: ConnectionEvent) in
                sight.hostname = event.connection.remoteHostname
                sight.clientAddress = event.transport?.remoteAddress
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                sight.serverAddress = event.transport?.remoteAddress
                sight.isOfContainer = event.container === container && event.connection.container === container
                event.connection.close()
            }
            client.on("onConnectionFinal") { (event: ConnectionEvent) in event.container.stop() }
            try container.run()
            return sight
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func theHostOfTheURLIsTold(host: String) async throws {
        let sight = try await Self.connect(host: host)
        #expect(sight.hostname == host && sight.isOfContainer)
        #expect(sight.clientAddress != nil && sight.serverAddress?.hasSuffix(":\(sight.port)") == true)
    }

    @Test(arguments: [("a.b.c.org", "a.b.c.org" as String?), ("", nil)])
    func aVirtualHostIsToldInsteadAndTheEmptyOneIsNone(host: String, told: String?) async throws {
        let sight = try await Self.connect(
            host: "localhost", options: ConnectionOptions(virtualHost: host, reconnect: nil))
        #expect(sight.hostname == told)
    }

    // MARK: Tries

    /// How often two URLs are tried that nobody listens on, and how long that takes.
    private static func tries(_ backoff: Backoff) async throws -> (errors: Int, time: Duration) {
        let clock = ContinuousClock()
        let start = clock.now
        let errors = try await onThread {
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                // Ports that no test is given: one that was free a moment ago may be another test's now.
                try event.container.connect(
                    ["127.0.0.1:1", "127.0.0.1:2"], options: ConnectionOptions(reconnect: backoff))
            }
            try Container(client).run()
            #expect(client.journal.count("client.onReconnectFailed") == 1)
            #expect(!client.journal.lines.contains("client.onConnectionOpened"))
            return client.journal.count("client.onTransportError")
        }
        return (errors, start.duration(to: clock.now))
    }

    @Test func everyURLIsTriedInEachTry() async throws {
        let (errors, time) = try await Self.tries(Backoff(initial: .milliseconds(20), maxTries: 5, jitter: 0))
        #expect(errors == 10 && time >= .milliseconds(20 + 40 + 80 + 160))
    }

    @Test func theWaitsOfTheProgramAreWaitedFor() async throws {
        let (errors, time) = try await Self.tries(Backoff(waits: [.milliseconds(50), .milliseconds(100)]))
        #expect(errors == 6 && time >= .milliseconds(150))
    }

    // MARK: Logging in

    /// Where a program says who it is.
    enum Naming: CaseIterable {
        case url, container, connection, urlOverOptions, file
    }

    @Test(arguments: Naming.allCases)
    func userAndPasswordComeToThePeer(_ naming: Naming) async throws {
        let peer = try ScriptedServer()
        defer { peer.close() }
        async let login = onThread { try Self.serveLogin(peer) }
        let lines = try await onThread {
            let user = ConnectionOptions(user: "user@proton", password: "password", reconnect: nil)
            let other = ConnectionOptions(user: "somebody", password: "else", reconnect: nil)
            let (url, full) = (peer.address, "user%40proton:password@\(peer.address)")
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                let container = event.container
                switch naming {
                case .url: try container.connect(full)
                case .container: try container.connect(url)
                case .connection: try container.connect(url, options: user)
                case .urlOverOptions: try container.connect(full, options: other)
                case .file:
                    let path = FileManager.default.temporaryDirectory.path + "/connecting-\(getpid()).json"
                    let text = """
                        {"scheme": "amqp", "host": "127.0.0.1", "port": \(peer.port), "user": "user@proton",
                         "password": "password", "sasl": {"mechanisms": "PLAIN"}}
                        """
                    try Data(text.utf8).write(to: URL(filePath: path))
                    defer { try? FileManager.default.removeItem(atPath: path) }
                    try container.connect(configuredBy: path, handler: nil, options: nil)
                }
            }
            try Container(client, options: naming == .container ? user : .once).run()
            return client.journal.lines
        }
        #expect(try await login == [0] + Array("user@proton".utf8) + [0] + Array("password".utf8))
        #expect(lines.contains("client.onConnectionOpened") && lines.contains("client.onConnectionClosing"))
    }

    /// Takes a log-in by PLAIN, opens, and closes.
    /// - Returns: the response of the client.
    private static func serveLogin(_ server: ScriptedServer) throws -> [UInt8] {
        let peer = try server.accept()
        try peer.send(.saslHeader, .saslMechanisms("PLAIN"))
        try peer.expect(.saslHeader)
        let response = try peer.expect(.saslInit, ["mechanism": "PLAIN"])["initial-response"].binaryValue
        try peer.send(.saslOutcome(0), .amqpHeader, .open(), .close())
        _ = try peer.receiveAll()
        return response ?? []
    }

    // MARK: The file

    @Test func aFileNamesThePort() async throws {
        let isOpen = try await onThread {
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in event.container.stop() }
            let server = Plain { event in
                let port = try event.container.listen("127.0.0.1:0").port ?? 0
                let path = FileManager.default.temporaryDirectory.path + "/port-\(getpid()).json"
                try Data(#"{"scheme": "amqp", "host": "127.0.0.1", "port": \#(port)}"#.utf8).write(
                    to: URL(filePath: path))
                defer { try? FileManager.default.removeItem(atPath: path) }
                try event.container.connect(configuredBy: path, handler: client, options: .once)
            }
            try Container(server).run()
            return client.journal.lines.contains("client.onConnectionOpened")
        }
        #expect(isOpen)
    }
}
