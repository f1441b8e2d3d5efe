// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import ProtonTesting
import TestCertificates
import Testing

/// Nothing of AMQP or SASL goes out before the server is known: seen by peers that are not ours.
@Suite(.timeLimit(.minutes(1)))
struct TLSSecrecyTests {
    private static let authority = Result { try TestAuthority() }

    /// Connects with a user and a password, and waits for the end of the connection.
    private static func connect(_ url: String, _ options: TLSClientOptions) throws -> ProtonError? {
        var limits = ConnectionLimits()
        limits.handshakeTimeout = .seconds(4)
        do {
            let client = Plain { [limits] event in
                try event.container.connect(
                    url,
                    options: ConnectionOptions(
                        user: "alice", password: "s3cret", tls: options, reconnect: nil, limits: limits))
            }
            try Container(client).run()
            return nil
        } catch let error as ProtonError {
            return error
        }
    }

    @Test(arguments: [(["DNS:localhost"], true), (["DNS:other.example"], false)])
    func whatAServerReceives(_ names: [String], _ isKnown: Bool) async throws {
        let (error, said) = try await onThread {
            let authority = try Self.authority.get()
            let issued = try authority.issue("known-\(isKnown)", names: names)
            let peer = try OpenSSLPeer([
                "-cert", issued.path, "-key", issued.keyPath, "-cert2", issued.path, "-key2", issued.keyPath,
                "-servername", "localhost",
            ])
            let trust = TLSClientOptions(trust: .file(authority.own.path))
            let error = try Self.connect("amqps://localhost:\(peer.port)", trust)
            return (error, peer.end())
        }
        // The header of SASL, once the server is known: the password waits for the server's mechanisms.
        #expect(said.contains("AMQP") == isKnown, "\(said)")
        // It shows the name once the handshake is done.
        #expect(said.contains("Hostname in TLS extension: \"localhost\"") == isKnown)
        #expect(!said.contains("s3cret") && !said.contains("alice"))
        #expect(error?.code == (isKnown ? .timedOut : .tlsFailed), "\(error?.message ?? "none")")
    }

    @Test func whatAServerInTheClearReceives() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            let bytes = try peer.receiveBytes()
            // A handshake record, and what it has of the client: the name of the server.
            #expect(bytes.first == 0x16 && bytes.firstRange(of: Array("localhost".utf8)) != nil)
            for secret in ["AMQP", "alice", "s3cret"] { #expect(bytes.firstRange(of: Array(secret.utf8)) == nil) }
        } client: { address in
            let port = address.split(separator: ":").last ?? ""
            let error = try Self.connect("amqps://localhost:\(port)", TLSClientOptions())
            #expect(error?.code == .disconnected, "\(error?.message ?? "none")")
            #expect(error?.message.contains("within the TLS handshake") == true, "\(error?.message ?? "none")")
        }
    }
}
