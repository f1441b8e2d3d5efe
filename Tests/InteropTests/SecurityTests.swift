// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import TestPrograms
import Testing

extension InteropTests {
    /// TLS and SASL with brokers, and with clients that are built on other libraries.
    @Suite(.serialized)
    struct SecurityTests {
        static let brokers = Table(
            "TLS and logging in: this package with brokers", columns: Secured.peers.map(\.rawValue),
            rows: Feature.security.map(\.name))

        @Test(.timeLimit(.minutes(2)), arguments: Feature.security, Secured.peers)
        func broker(_ feature: Feature, _ peer: Peer) async throws {
            // This package's broker offers SCRAM.
            guard !(peer == .swift && feature.name == "a mechanism that is not offered") else {
                return try SecurityTests.brokers.record(feature.name, peer.rawValue, .notApplicable)
            }
            try await feature.tryOut(on: peer, SecurityTests.brokers)
        }

        // MARK: Clients

        /// A client, by what it is built on.
        enum Client: String, CaseIterable, Sendable {
            case python = "Python"
            case cpp = "C++"
            case go = "go-amqp"
            case uamqp
            case scram = "xdg-go/scram"
        }

        /// How it logs in.
        enum Login: String, CaseIterable, Sendable {
            case anonymous = "TLS: ANONYMOUS"
            case plain = "TLS: PLAIN"
            case external = "TLS: EXTERNAL, with a certificate"
            case wrongPassword = "a wrong password is refused"
            case scram1 = "SCRAM-SHA-1"
            case scram256 = "SCRAM-SHA-256"
            case scram512 = "SCRAM-SHA-512"
        }

        static let clients = Table(
            "TLS and logging in: clients with this package's broker", columns: Client.allCases.map(\.rawValue),
            rows: Login.allCases.map(\.rawValue))

        @Test(.timeLimit(.minutes(2)), arguments: Login.allCases, Client.allCases)
        func client(_ login: Login, _ client: Client) async throws {
            let answer = await onThread { () -> Answer in
                do {
                    try SecurityTests.check(login, client)
                    return .yes("")
                } catch is NotApplicable {
                    return .notApplicable
                } catch {
                    return .no("\(error)")
                }
            }
            try SecurityTests.clients.record(login.rawValue, client.rawValue, answer)
            if case .no(let reason) = answer { Issue.record("\(login.rawValue), \(client.rawValue): \(reason)") }
        }

        private static func check(_ login: Login, _ client: Client) throws {
            let (broker, queue) = (Secured(.swift), Peer.swift.newName())
            let port = broker.port ?? ""
            switch (client, login) {
            case (.python, .anonymous), (.python, .plain), (.python, .external), (.python, .wrongPassword),
                (.cpp, .anonymous), (.cpp, .plain), (.cpp, .external), (.cpp, .wrongPassword),
                (.go, .anonymous), (.go, .plain), (.go, .external), (.go, .wrongPassword),
                (.uamqp, .anonymous), (.uamqp, .plain), (.uamqp, .wrongPassword):
                let command: [String] =
                    switch client {
                    case .python: ["/usr/bin/python3", "Tests/InteropPeers/secure_client.py"]
                    case .cpp: [Program.built("secure_client")]
                    case .go: [Program.built("go_secure")]
                    default: ["/usr/bin/python3", "Tests/InteropPeers/secure_uamqp.py"]
                    }
                let kind = login == .wrongPassword ? "wrong" : "\(login)"
                try Program.run(command + ["localhost", port, kind, queue, Secured.folder])
            case (.scram, .scram1), (.scram, .scram256), (.scram, .scram512):
                try Program.run([
                    Program.built("go_scram"), "client", Peer.swift.address, login.rawValue, "guest", "guest", queue,
                ])
            default: throw NotApplicable()
            }
        }

        // MARK: A foreign server of SCRAM

        @Test(arguments: ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"], ["pencil", "wrong"])
        func server(_ mechanism: String, _ password: String) async throws {
            let isRight = password == "pencil"
            let failure = await onThread { () -> String? in
                do {
                    let server = try Program.start([Program.built("go_scram"), "server", mechanism, "user", "pencil"])
                    let port = server.readLine() ?? ""
                    let options = ConnectionOptions(
                        user: "user", password: password, allowedMechanisms: [mechanism], reconnect: nil)
                    do {
                        try BlockingConnection("amqp://127.0.0.1:\(port)", timeout: .seconds(10), options: options)
                            .close()
                        if !isRight { return "the log-in succeeds" }
                    } catch let error as ProtonError where !isRight && error.code == .authenticationFailed {}
                    if isRight { try Program.end(server) } else { server.waitForEnd() }
                    return nil
                } catch {
                    return "\(error)"
                }
            }
            #expect(failure == nil)
        }
    }
}
