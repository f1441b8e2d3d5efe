// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ProtonTesting
import Testing

/// Every client, where its peer ends the link, the session or the connection while it waits: it says so in one line, and
/// fails.
@Suite(.serialized)
struct PeerEndTests {
    /// A program, and how it is told where to connect to.
    struct Client: Sendable, CustomStringConvertible {
        let name: String
        /// How many links it makes before it waits.
        let links: Int
        /// On which of them it waits.
        var awaited = 0
        /// Whether it tries again where the connection is lost.
        let triesAgain: Bool
        let arguments: @Sendable (String) -> [String]
        var description: String { name }

        /// Takes an address as a URL with a path, by an option.
        static func option(_ name: String, links: Int = 1, triesAgain: Bool = false, _ more: String...) -> Client {
            Client(name: name, links: links, triesAgain: triesAgain) { ["-a", "\($0)/examples"] + more }
        }

        /// Takes the peer and the address of the node as arguments.
        static func server(
            _ name: String, links: Int = 1, awaited: Int = 0, triesAgain: Bool = false, _ more: String...
        ) -> Client {
            Client(name: name, links: links, awaited: awaited, triesAgain: triesAgain) { [$0, "examples"] + more }
        }
    }

    static let clients: [Client] = [
        .option("simple_send", triesAgain: true), .option("simple_recv", triesAgain: true),
        .option("colour_send", triesAgain: true), .option("selected_recv", triesAgain: true),
        .option("client", links: 2), .option("sync_client", links: 2), .option("server", links: 2, triesAgain: true),
        .option("tx_send", links: 2), .option("tx_recv", links: 2), .option("scheduled_send"),
        .server("tx_recv_interactive", links: 2), .server("server_tx"), .server("abstract_server", links: 2),
        .server("queue_browser"), .server("helloworld", links: 2), .server("helloworld_blocking", links: 2, awaited: 1),
        .server("helloworld_events", links: 2), .server("multithreaded_client", links: 2, "10"),
        .server("reconnect_client", links: 2, triesAgain: true, "10"),
    ]

    static let failures: [PeerFailure] = [
        .detachesWithoutClosing, .closesTheLink, .rollsBack, .endsTheSession, .closesWithoutReason, .vanishes,
    ]

    private static func expected(_ failure: PeerFailure, _ address: String) -> String {
        switch failure {
        case .detaches: "\(address) detached the "
        case .detachesWithoutClosing: "\(address) detached the "
        case .closesTheLink, .rollsBack: "\(address) closed the "
        case .endsTheSession: "\(address) ended a session: no reason was given"
        case .closes: "\(address) closed the connection: amqp:not-allowed: no more"
        case .closesWithoutReason: "\(address) closed the connection: no reason was given"
        case .vanishes: "\(address) went away without closing the connection."
        }
    }

    @Test("A peer that ends what a client waits on", arguments: clients, failures)
    func ends(client: Client, failure: PeerFailure) async throws {
        try await withPrograms { programs in
            let server = try ScriptedServer()
            defer { server.close() }
            // What reads its standard input waits for a line.
            let input = try Input()
            let program = try programs.start(client.name, client.arguments(server.address), input: input.path)
            try await onThread {
                let peer = try server.acceptSession()
                let handles = try (0..<client.links).map { _ in try peer.attachNext().handle }
                if failure == .vanishes {
                    // Nobody comes in its place.
                    server.close()
                } else {
                    try failure.play(on: peer, handle: handles[client.awaited])
                    _ = try? peer.receiveAll()
                }
            }
            let record = try await program.waitForEnd()
            let lines = record.errorText.split(separator: "\n").map(String.init)
            let isTriedAgain = client.triesAgain && failure == .vanishes
            #expect(lines.count == (isTriedAgain ? 2 : 1), "\(lines)")
            let expected =
                isTriedAgain
                ? "Cannot connect to \(server.address): Connection refused." : Self.expected(failure, server.address)
            #expect(lines.last?.hasPrefix("Error: \(expected)") == true, "\(lines)")
            #expect(record.ending == .exited(1))
        }
    }
}

/// A standard input on which nothing ever comes.
private final class Input: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("input-\(UUID())").path
    private let descriptor: Int32

    init() throws {
        guard mkfifo(path, 0o600) == 0 else { throw ChildProcess.Failure(description: "\(path) cannot be made.") }
        // Both ends, so that whoever opens it does not wait for a writer.
        descriptor = open(path, O_RDWR | O_CLOEXEC)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }
}
