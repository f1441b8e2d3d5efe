// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import TestCertificates
import Testing

/// Whom a client takes for its server, and a listener for its client: over loopback.
@Suite(.timeLimit(.minutes(1)))
struct TLSVerificationTests {
    private static let authority = Result { try TestAuthority() }

    private static func trusting() throws -> TLSClientOptions {
        TLSClientOptions(trust: .file(try authority.get().own.path))
    }

    private static func server(_ file: String, names: [String], subject: String = "/CN=server", days: Int = 2) throws
        -> TLSServerOptions
    {
        let issued = try authority.get().issue(file, subject: subject, names: names, days: days)
        return TLSServerOptions(certificate: TLSCertificate(file: issued.path, keyFile: issued.keyPath))
    }

    /// A certificate, the host of the URL, and what comes of it: nil is a connection, and else a part of the error.
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var names: [String]
        var host = "localhost"
        var subject = "/CN=server"
        var days = 2
        var error: String?
    }

    static let cases: [Case] = [
        Case(testDescription: "right name", names: ["DNS:localhost"]),
        Case(testDescription: "right name of several", names: ["DNS:a.example", "DNS:localhost", "IP:10.0.0.1"]),
        Case(testDescription: "right address", names: ["IP:127.0.0.1"], host: "127.0.0.1"),
        Case(
            testDescription: "wrong name", names: ["DNS:other.example", "DNS:b.example"],
            error: "not for localhost, but for DNS:other.example, DNS:b.example"),
        Case(
            testDescription: "wrong address", names: ["IP:10.0.0.1"], host: "127.0.0.1",
            error: "not for 127.0.0.1, but for IP:10.0.0.1"),
        Case(
            testDescription: "a name is no address", names: ["DNS:127.0.0.1"], host: "127.0.0.1",
            error: "not for 127.0.0.1"),
        Case(
            testDescription: "common name only", names: [], subject: "/CN=localhost",
            error: "no subject alternative name"),
        Case(
            testDescription: "common name beside another name", names: ["DNS:other.example"],
            subject: "/CN=localhost", error: "not for localhost, but for DNS:other.example"),
        Case(testDescription: "expired", names: ["DNS:localhost"], days: -1, error: "has expired at 20"),
    ]

    @Test(arguments: cases) func aServersCertificate(_ test: Case) async throws {
        let outcome = try await onThread {
            var exchange = TLSExchange(
                try Self.server("\(test.testDescription)", names: test.names, subject: test.subject, days: test.days),
                try Self.trusting())
            exchange.host = test.host
            // It would be tried again, were it not final.
            exchange.reconnect = Backoff(initial: .milliseconds(1), maxTries: 5)
            return try exchange.run()[0]
        }
        guard let error = test.error else {
            #expect(outcome.isOpened && outcome.clientError == nil)
            return
        }
        #expect(outcome.clientError?.code == .tlsFailed)
        #expect(outcome.clientError?.message.contains(error) == true, "\(outcome.clientError?.message ?? "none")")
        #expect(!outcome.isOpened && outcome.tries == 1)
        #expect(
            outcome.serverError?.message.contains("TLS handshake") == true, "\(outcome.serverError?.message ?? "none")")
    }

    @Test func anAuthorityThatIsNotTrusted() async throws {
        let (byDefault, byName, selfSigned) = try await onThread {
            let server = try Self.server("untrusted", names: ["DNS:localhost"])
            let other = try TestAuthority("Another authority")
            let itself = try other.selfSigned()
            return (
                try TLSExchange(server, nil).run()[0],
                try TLSExchange(server, TLSClientOptions(trust: .file(other.own.path))).run()[0],
                try TLSExchange(
                    TLSServerOptions(certificate: TLSCertificate(file: itself.path, keyFile: itself.keyPath)),
                    Self.trusting()
                ).run()[0]
            )
        }
        for outcome in [byDefault, byName] {
            #expect(outcome.clientError?.code == .tlsFailed && !outcome.isOpened)
            #expect(outcome.clientError?.message.contains("\"CN=Test authority\", which is not trusted") == true)
        }
        #expect(selfSigned.clientError?.message.contains("signed by itself, and not trusted") == true)
    }

    @Test func aSelfSignedCertificateThatIsNamed() async throws {
        let outcome = try await onThread {
            let itself = try Self.authority.get().selfSigned("trusted itself")
            return try TLSExchange(
                TLSServerOptions(certificate: TLSCertificate(file: itself.path, keyFile: itself.keyPath)),
                TLSClientOptions(trust: .pem(itself.pem))
            ).run()[0]
        }
        #expect(outcome.isOpened)
    }

    @Test func lessVerification() async throws {
        let (anyName, nobody, none) = try await onThread {
            let server = try Self.server("any name", names: ["DNS:other.example"])
            var options = try Self.trusting()
            options.verification = .insecureAnyName
            let anyName = try TLSExchange(server, options).run()[0]
            options.trust = .system
            let nobody = try TLSExchange(server, options).run()[0]
            options.verification = .insecureNoVerification
            return (anyName, nobody, try TLSExchange(server, options).run()[0])
        }
        #expect(anyName.isOpened && none.isOpened)
        #expect(nobody.clientError?.code == .tlsFailed)
    }

    @Test func theNameOfTheOptionsAndNotTheVirtualHost() async throws {
        let (named, other) = try await onThread {
            var exchange = TLSExchange(try Self.server("named", names: ["DNS:broker.example"]), try Self.trusting())
            exchange.virtualHost = "broker.example"
            let other = try exchange.run()[0]
            exchange.client?.serverName = "broker.example"
            exchange.virtualHost = "localhost"
            return (try exchange.run()[0], other)
        }
        #expect(named.isOpened && named.server?.serverName == "broker.example")
        #expect(other.clientError?.code == .tlsFailed)
    }

    // MARK: Clients' certificates

    @Test func aClientsCertificate() async throws {
        let (with, without, other, optional) = try await onThread {
            let authority = try Self.authority.get()
            var server = try Self.server("mutual", names: ["DNS:localhost"])
            server.clientCertificates = .required(.file(authority.own.path))
            let alice = try authority.issue("alice", subject: "/O=Example/CN=alice", names: ["email:alice@example.com"])
            let otherAuthority = try TestAuthority("Test authority")
            let mallory = try otherAuthority.issue("mallory", names: [])
            defer { withExtendedLifetime(otherAuthority) {} }
            var client = try Self.trusting()
            let without = try TLSExchange(server, client).run()[0]
            client.certificate = try TLSCertificate(pem: alice.pem, key: alice.key)
            let with = try TLSExchange(server, client).run()[0]
            client.certificate = TLSCertificate(file: mallory.path, keyFile: mallory.keyPath)
            let other = try TLSExchange(server, client).run()[0]
            server.clientCertificates = .optional(.file(authority.own.path))
            client.certificate = nil
            return (with, without, other, try TLSExchange(server, client).run()[0])
        }
        #expect(with.isOpened)
        let certificate = with.server?.peerCertificate
        #expect(certificate?.subject == "CN=alice,O=Example" && certificate?.issuer == "CN=Test authority")
        #expect(certificate?.commonName == "alice" && certificate?.subjectField(.organization) == "Example")
        #expect(certificate?.subjectAlternativeNames == [.email("alice@example.com")])
        #expect(certificate?.fingerprint().utf8.count == 64 && certificate?.der.first == 0x30)
        #expect(with.client?.peerCertificate?.subjectAlternativeNames == [.dns("localhost")])
        #expect(!without.isOpened && without.serverError?.message.contains("has shown no certificate") == true)
        #expect(!other.isOpened && other.serverError?.code == .tlsFailed)
        #expect(optional.isOpened && optional.server?.peerCertificate == nil)
    }
}
