// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// The ways in which a connection, a session or a link ends, and the one callback that each way makes.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ClosingTests {
    enum Level: String, CaseIterable, Sendable {
        case connection = "Connection"
        case session = "Session"
        case link = "Link"

        /// The endpoint of this level that a link's event is about.
        func endpoint(_ event: LinkEvent) -> any Endpoint {
            switch self {
            case .connection: event.connection
            case .session: event.session
            case .link: event.link
            }
        }
    }

    /// Has the server close the client's connection, session or link; returns what the client is told.
    private static func serverCloses(
        _ level: Level, _ condition: Condition?, options: HandlerOptions = HandlerOptions()
    ) throws -> [String] {
        let exchange = Exchange(clientOptions: options)
        exchange.server.on("onLinkOpened") { (event: LinkEvent) in level.endpoint(event).close(condition) }
        for callback in ["onLinkError", "onLinkClosing"] {
            exchange.client.on(callback) { (event: LinkEvent) in
                #expect(event.link.remoteCondition == condition)
                event.connection.close()
            }
        }
        for callback in ["onSessionError", "onSessionClosing"] {
            exchange.client.on(callback) { (event: SessionEvent) in
                #expect(event.session.remoteCondition == condition)
                event.connection.close()
            }
        }
        for callback in ["onConnectionError", "onConnectionClosing"] {
            exchange.client.on(callback) { (event: ConnectionEvent) in
                #expect(event.connection.remoteCondition == condition)
            }
        }
        try exchange.run { container, connection in try container.createSender(connection, "a") }
        let name = "on\(level.rawValue)"
        return exchange.lines(of: exchange.client) { line in
            ["Closing", "Error", "Closed"].contains { line == name + $0 } || line == "onDisconnected"
        }
    }

    @Test(arguments: Level.allCases)
    func thePeerCloses(_ level: Level) async throws {
        let lines = try await onThread { try Self.serverCloses(level, nil) }
        #expect(lines == ["on\(level.rawValue)Closing"])
    }

    @Test(arguments: Level.allCases)
    func thePeerClosesWithACondition(_ level: Level) async throws {
        let lines = try await onThread { try Self.serverCloses(level, Condition("some:error", "why")) }
        #expect(lines == ["on\(level.rawValue)Error"])
    }

    @Test(arguments: Level.allCases)
    func aCloseIsAnErrorWhereTheProgramSaysSo(_ level: Level) async throws {
        let options = HandlerOptions(treatsPeerCloseAsError: true)
        let lines = try await onThread { try Self.serverCloses(level, nil, options: options) }
        #expect(lines == ["on\(level.rawValue)Error"])
    }

    @Test(arguments: Level.allCases)
    func thePeerConfirms(_ level: Level) async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in level.endpoint(event).close() }
            exchange.client.on("onLinkClosed") { (event: LinkEvent) in event.connection.close() }
            exchange.client.on("onSessionClosed") { (event: SessionEvent) in event.connection.close() }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        #expect(lines.count { $0 == "client.on\(level.rawValue)Closed" } == 1)
        #expect(lines.count { $0 == "server.on\(level.rawValue)Closing" } == 1)
        #expect(!lines.contains { $0.hasSuffix("Error") || $0.hasSuffix("onDisconnected") })
    }

    @Test func aForcedCloseIsADroppedTransport() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.server.on("onLinkOpened") { (event: LinkEvent) in
                event.connection.close(Condition(.connectionForced, "maintenance"))
            }
            exchange.client.on("onTransportError") { (event: TransportEvent) in
                #expect(event.error?.code == .connectionError && event.error?.message.contains("maintenance") == true)
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.lines(of: exchange.client) {
                ["onTransportError", "onDisconnected", "onConnectionError", "onConnectionClosing"].contains($0)
            }
        }
        #expect(lines == ["onTransportError", "onDisconnected"])
    }

    @Test func aDetachIsAnsweredAndNoClose() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in event.link.detach() }
            exchange.client.on("onLinkRemoteDetach") { (event: LinkEvent) in event.connection.close() }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        #expect(lines.count { $0 == "server.onLinkRemoteDetach" } == 1)
        #expect(lines.count { $0 == "client.onLinkRemoteDetach" } == 1)
        #expect(lines.count { $0 == "client.onLinkFinal" } == 1)
        #expect(!lines.contains("server.onLinkClosing") && !lines.contains("client.onLinkClosed"))
    }

    @Test func aLinkIsRefused() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in
                event.link.close(Condition(.notFound, "no such queue"))
            }
            exchange.client.on("onLinkError") { (event: LinkEvent) in
                #expect(event.link.remoteCondition == Condition(.notFound, "no such queue"))
                event.connection.close()
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        #expect(lines.count { $0 == "client.onLinkError" } == 1 && !lines.contains("server.onLinkOpened"))
    }

    @Test func aConnectionIsRefused() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.server.on("onConnectionOpening") { (event: ConnectionEvent) in
                event.connection.close(Condition(.unauthorizedAccess, "not you"))
            }
            exchange.client.on("onConnectionError") { (event: ConnectionEvent) in
                #expect(event.connection.remoteCondition?.description == "not you")
            }
            try exchange.run { _, _ in }
            return exchange.journal.lines
        }
        #expect(lines.count { $0 == "client.onConnectionError" } == 1 && !lines.contains("server.onConnectionOpened"))
    }

    @Test func everythingIsClosedAtOnce() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in
                event.link.close()
                event.session.close()
                event.connection.close()
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        for name in ["Connection", "Session", "Link"] { #expect(lines.count { $0 == "client.on\(name)Closed" } == 1) }
        #expect(!lines.contains("client.onDisconnected"))
    }
}
