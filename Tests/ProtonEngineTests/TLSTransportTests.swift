// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import TestCertificates
import Testing

@testable import ProtonEngine

/// The transport's own TLS, in memory: what it does where TLS cannot be begun, and whom it takes a client for.
struct TLSTransportTests {
    private static let authority = Result { try TestAuthority() }

    private func driver(_ security: TransportSecurity, isServer: Bool = false) -> (ConnectionDriver, EventRecorder) {
        let events = EventRecorder()
        let connection = Connection(isIncoming: isServer, limits: ConnectionLimits(), eventHandler: events)
        var configuration = TransportConfiguration(isServer: isServer, limits: ConnectionLimits())
        configuration.security = security
        return (ConnectionDriver(connection, configuration), events)
    }

    @Test func nothingIsSentWhereTLSCannotBeBegun() throws {
        let (context, _) = try TLSClientOptions().contexts.current(for: TLSClientOptions())
        // A name for which nothing could be verified.
        let (driver, events) = driver(.client(context, serverName: "", address: "a:1"))
        driver.connection.open()
        try driver.dispatchEvents()
        #expect(driver.connection.transport?.condition?.name == "proton:tls-failed")
        #expect(driver.takeOutput().isEmpty && driver.isOutputClosed && driver.isInputClosed)
        #expect(events.count("transport.error") == 1 && events.count("transport.closed") == 1)
    }

    @Test func aClientThatIsSetUpBeginsWithAHandshakeOfTLS() throws {
        let (security, failure) = try TLSClientOptions().security(host: "localhost", address: "localhost:1")
        let (driver, _) = driver(security)
        driver.connection.open()
        try driver.dispatchEvents()
        let bytes = driver.takeOutput()
        #expect(failure == nil && bytes.first == 0x16 && bytes.firstRange(of: Array("localhost".utf8)) != nil)
        #expect(bytes.firstRange(of: Array("AMQP".utf8)) == nil && driver.connection.transport?.tls == nil)
    }

    /// An address is no name to tell (RFC 6066, 3).
    @Test func noAddressIsTold() throws {
        let (security, _) = try TLSClientOptions().security(host: "127.0.0.1", address: "127.0.0.1:1")
        let (driver, _) = driver(security)
        driver.connection.hostname = "virtual.example"
        driver.connection.open()
        try driver.dispatchEvents()
        let bytes = driver.takeOutput()
        #expect(bytes.first == 0x16)
        for name in ["127.0.0.1", "virtual.example"] { #expect(bytes.firstRange(of: Array(name.utf8)) == nil) }
    }

    /// A context holds the system's authorities: a megabyte.
    @Test func aContextGoesWithItsOptions() throws {
        weak var context: TLSContext?
        do {
            let options = TLSClientOptions()
            context = try options.contexts.current(for: options).context
            #expect(context != nil)
        }
        #expect(context == nil)
    }

    @Test func contextsAreSharedByCopiesAndNotByOthers() throws {
        let options = TLSClientOptions()
        var copy = options
        let one = try options.contexts.current(for: options).context
        #expect(try copy.contexts.current(for: copy).context === one)
        copy.verification = .insecureAnyName
        #expect(try copy.contexts.current(for: copy).context !== one && copy != options)
        #expect(TLSClientOptions() == options)
    }

    @Test func namesOfUsers() throws {
        let authority = try Self.authority.get()
        func certificate(_ subject: String, _ names: [String]) throws -> TLSPeerCertificate? {
            let issued = try authority.issue("user", subject: subject, names: names)
            return try PEM.certificates(Array(issued.pem.utf8), "it").first.map(TLSPeerCertificate.init)
        }
        let alice = try certificate("/O=Example/CN=alice", ["IP:10.0.0.1", "email:alice@example.com", "DNS:a"])
        #expect(alice?.userName(.subject) == "CN=alice,O=Example")
        #expect(alice?.userName(.commonName) == "alice")
        #expect(alice?.userName(.subjectAlternativeName) == "alice@example.com")
        let several = try certificate("/CN=alice/CN=bob", [])
        #expect(several?.userName(.commonName) == nil && several?.userName(.subjectAlternativeName) == nil)
        let none = try certificate("/O=Example", [])
        #expect(none?.userName(.commonName) == nil)
    }
}
