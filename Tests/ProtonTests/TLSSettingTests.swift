// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import ProtonTesting
import TestCertificates
import Testing

/// Versions, ciphers, sessions and files of TLS: over loopback.
@Suite(.timeLimit(.minutes(1)))
struct TLSSettingTests {
    private static let authority = Result { try TestAuthority() }
    private static let issued = Result { try authority.get().issue() }

    private static func trusting() throws -> TLSClientOptions {
        TLSClientOptions(trust: .file(try authority.get().own.path))
    }

    private static func server() throws -> TLSServerOptions {
        let issued = try issued.get()
        return TLSServerOptions(certificate: TLSCertificate(file: issued.path, keyFile: issued.keyPath))
    }

    // MARK: Logging in

    /// TLS writes nothing once a transport has failed: the outcome goes out before.
    @Test(arguments: [SASLMechanism.plain, .scramSHA512])
    func aWrongPasswordIsToldOverTLS(_ mechanism: SASLMechanism) async throws {
        let outcome = try await onThread {
            var exchange = TLSExchange(try Self.server(), try Self.trusting())
            exchange.authentication = .required(TestUsers(mechanisms: [mechanism]))
            exchange.host = "anna:wrong@localhost"
            return try exchange.run()[0]
        }
        #expect(outcome.clientError?.code == .authenticationFailed)
        #expect(outcome.clientError?.message.contains("refused the log-in") == true)
        #expect(!outcome.isOpened)
    }

    // MARK: Versions and ciphers

    @Test func theNewestVersionAndTheOldest() async throws {
        let (newest, oldest) = try await onThread {
            var server = try Self.server()
            let newest = try TLSExchange(server, Self.trusting()).run()[0]
            server.minimumVersion = .tls13
            return (newest, try TLSExchange(server, Self.trusting()).run()[0])
        }
        #expect(newest.client?.version == "TLSv1.3" && newest.server?.version == "TLSv1.3")
        #expect(newest.client?.cipher.hasPrefix("TLS_") == true && newest.client?.isResumed == false)
        #expect(oldest.isOpened)
    }

    @Test func ciphers() async throws {
        let (chosen, none) = try await onThread {
            var client = try Self.trusting()
            client.cipherSuites = "TLS_CHACHA20_POLY1305_SHA256"
            var server = try Self.server()
            let chosen = try TLSExchange(server, client).run()[0]
            server.cipherSuites = "TLS_AES_256_GCM_SHA384"
            server.minimumVersion = .tls13
            return (chosen, try TLSExchange(server, client).run()[0])
        }
        #expect(chosen.server?.cipher == "TLS_CHACHA20_POLY1305_SHA256")
        #expect(none.serverError?.code == .tlsFailed)
        #expect(none.serverError?.message.contains("no cipher in common") == true, "\(none.serverError?.message ?? "")")
    }

    @Test func aPeerOfAnOldVersion() async throws {
        let message = try await onThread {
            let issued = try Self.issued.get()
            let peer = try OpenSSLPeer(["-cert", issued.path, "-key", issued.keyPath, "-tls1_2"])
            var client = try Self.trusting()
            client.minimumVersion = .tls13
            return try Self.failure(of: "amqps://localhost:\(peer.port)", client)?.message
        }
        #expect(message?.contains("no version of TLS") == true, "\(message ?? "none")")
    }

    /// What becomes of a connection that cannot be opened.
    private static func failure(of url: String, _ options: TLSClientOptions) throws -> ProtonError? {
        do {
            let container = try Container(
                Plain { try $0.container.connect(url, options: ConnectionOptions(tls: options, reconnect: nil)) })
            try container.run()
            return nil
        } catch let error as ProtonError {
            return error
        }
    }

    // MARK: Peers without TLS

    @Test func aServerInTheClear() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            _ = try peer.receiveBytes()
            try peer.send(.amqpHeader)
            _ = try peer.receiveBytes()
        } client: { address in
            let port = address.split(separator: ":").last ?? ""
            let error = try Self.failure(of: "amqps://localhost:\(port)", TLSClientOptions())
            #expect(error?.code == .tlsFailed)
            #expect(error?.message.contains("speaks no TLS on this port") == true, "\(error?.message ?? "none")")
        }
    }

    /// One that sees that this is no AMQP, and says nothing: ours, for instance.
    @Test func aServerInTheClearThatSaysNothing() async throws {
        let error = try await onThread {
            var error: ProtonError?
            let (server, client) = (Scripted("server"), Scripted("client"))
            defer {
                server.forget()
                client.forget()
            }
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                let url = "amqps://localhost:\(listener.port ?? 0)"
                client.on("onTransportError") { (event: TransportEvent) in
                    error = event.error
                    listener.close()
                }
                try event.container.connect(url, handler: client, options: .once)
            }
            try Container(server).run()
            return error
        }
        #expect(error?.code == .disconnected)
        #expect(error?.message.contains("does its port speak TLS") == true, "\(error?.message ?? "none")")
    }

    @Test(arguments: [true, false]) func aClientInTheClear(_ isAllowed: Bool) async throws {
        let outcome = try await onThread {
            var server = try Self.server()
            server.allowsPlain = isAllowed
            var exchange = TLSExchange(server, nil)
            exchange.clientScheme = "amqp"
            return try exchange.run()[0]
        }
        #expect((outcome.serverError == nil) == isAllowed)
        if !isAllowed {
            #expect(outcome.serverError?.code == .tlsFailed)
            #expect(
                outcome.serverError?.message.contains("speaks no TLS") == true, "\(outcome.serverError?.message ?? "")")
        }
    }

    // MARK: Sessions

    @Test func aSessionIsGoneOnWith() async throws {
        let (outcomes, others) = try await onThread {
            var client = try Self.trusting()
            var exchange = TLSExchange(try Self.server(), client)
            let outcomes = try exchange.run(3)
            client.resumesSessions = false
            exchange.client = client
            return (outcomes, try exchange.run(2))
        }
        #expect(outcomes.map { $0.client?.isResumed } == [false, true, true])
        #expect(outcomes.map { $0.server?.isResumed } == [false, true, true])
        #expect(outcomes.allSatisfy { $0.client?.peerCertificate?.subject == "CN=server,O=Example" })
        #expect(others.map { $0.client?.isResumed } == [false, false])
    }

    // MARK: Files

    @Test func aCertificateIsReadAgain() async throws {
        let (outcomes, first, second) = try await onThread {
            let authority = try Self.authority.get()
            let issued = try authority.issue("again", subject: "/CN=first")
            let server = TLSServerOptions(certificate: TLSCertificate(file: issued.path, keyFile: issued.keyPath))
            var exchange = TLSExchange(server, try Self.trusting())
            var count = 0
            exchange.whenOpened = { event in
                count += 1
                switch count {
                // A certificate without its key, as in the middle of a renewal: the old one goes on.
                case 1: try Data("nothing".utf8).write(to: URL(fileURLWithPath: issued.keyPath))
                case 2: _ = try authority.issue("again", subject: "/CN=second")
                default: break
                }
                event.connection.close()
            }
            let outcomes = try exchange.run(3)
            return (outcomes, "CN=first", "CN=second")
        }
        #expect(outcomes.map { $0.client?.peerCertificate?.subject } == [first, first, second])
    }

    @Test func filesThatCannotBeUsed() async throws {
        let messages = try await onThread { () -> [String] in
            let authority = try Self.authority.get()
            let issued = try Self.issued.get()
            let other = try authority.issue("other")
            let encrypted = try authority.encrypted(issued, password: "secret")
            let certificates = [
                TLSCertificate(file: "/nowhere.pem"), TLSCertificate(file: issued.keyPath),
                TLSCertificate(file: issued.path), TLSCertificate(file: issued.path, keyFile: other.keyPath),
                TLSCertificate(file: issued.path, keyFile: encrypted.keyPath),
                TLSCertificate(file: issued.path, keyFile: encrypted.keyPath, password: "wrong"),
                TLSCertificate(pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            ]
            let container = try Container()
            return certificates.map { certificate in
                let options = ConnectionOptions(tls: TLSClientOptions(certificate: certificate))
                do {
                    try container.connect("amqps://localhost", options: options)
                    return "no error"
                } catch {
                    return "\(error)"
                }
            }
        }
        let parts = [
            "/nowhere.pem cannot be read: No such file", "has no certificate in PEM", "is none in PEM",
            "is not that of",
            "is encrypted: its password is needed", "its password is another one", "is damaged",
        ]
        #expect(messages.count == parts.count)
        for (message, part) in zip(messages, parts) { #expect(message.contains(part), "\(message)") }
    }

    @Test func aKeyWithAPassword() async throws {
        let outcome = try await onThread {
            let authority = try Self.authority.get()
            let encrypted = try authority.encrypted(authority.issue("locked"), password: "secret")
            let server = TLSServerOptions(
                certificate: TLSCertificate(file: encrypted.path, keyFile: encrypted.keyPath, password: "secret"))
            return try TLSExchange(server, Self.trusting()).run()[0]
        }
        #expect(outcome.isOpened)
    }

    // MARK: Arguments

    @Test func whatMakesNoSense() throws {
        let container = try Container()
        let issued = try Self.issued.get()
        let server = TLSServerOptions(certificate: TLSCertificate(file: issued.path, keyFile: issued.keyPath))
        func fails(_ part: String, _ body: () throws -> Void) {
            let error = #expect(throws: ProtonError.self, performing: body)
            #expect(error?.code == .invalidArgument && error?.message.contains(part) == true, "\(error?.message ?? "")")
        }
        fails("needed") { try container.listen("amqps://127.0.0.1:0") }
        fails("in the clear") { try container.listen("127.0.0.1:0", tls: server) }
        fails("in the clear") {
            try container.connect("localhost", options: ConnectionOptions(tls: TLSClientOptions()))
        }
        fails("no name") {
            try container.connect("amqps://a", options: ConnectionOptions(tls: TLSClientOptions(serverName: ".com")))
        }
        fails("OpenSSL knows none") {
            try container.connect("amqps://a", options: ConnectionOptions(tls: TLSClientOptions(ciphers: "NONE-SUCH")))
        }
        fails("does not know") {
            try container.connect("amqps://a", options: ConnectionOptions(tls: TLSClientOptions(cipherSuites: "NO")))
        }
        let secret = TLSClientOptions(certificate: TLSCertificate(pem: "p", key: "k3y", password: "s3cret"))
        var dumped = ""
        dump(ConnectionOptions(tls: secret), to: &dumped)
        #expect(!dumped.contains("s3cret") && !dumped.contains("k3y"))
        #expect(!"\(ConnectionOptions(tls: secret))".contains("s3cret"))
    }
}
