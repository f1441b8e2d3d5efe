// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonTesting
import TestCertificates
import TestPrograms
import Testing

/// The examples of TLS.
@Suite(.serialized)
struct TLSTests {
    /// A folder of the certificates that the script for users makes.
    private static func certificates() throws -> TestAuthority {
        // Of which the folder is used, which goes with it.
        let authority = try TestAuthority()
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try TestProgram.run([root.appending(path: "scripts/example-certificates.sh").path, authority.folder])
        return authority
    }

    @Test("ssl", arguments: ["full", "noname"])
    func ssl(verification: String) async throws {
        let authority = try Self.certificates()
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "ssl", "-c", authority.folder, "-v", verification)
                .waitForEnd()
            #expect(
                record.outputText.split(separator: "\n").sorted() == [
                    "Hello World!", "Inbound server connection connected via SSL.  Protocol: TLSv1.3",
                    "Outgoing client connection connected via SSL.  Server certificate identity CN=test_server",
                ])
            #expect(record.ending == .exited(0))
        }
        withExtendedLifetime(authority) {}
    }

    @Test("ssl with a wrong name")
    func wrongName() async throws {
        let authority = try Self.certificates()
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "ssl", "-c", authority.folder, "-v", "fail").waitForEnd()
            #expect(record.outputText.hasPrefix("Expected failure of connection with wrong peer name: "))
            #expect(record.outputText.contains("not for wrong_name_for_server, but for DNS:test_server"))
            #expect(record.ending == .exited(0))
        }
        withExtendedLifetime(authority) {}
    }

    @Test("ssl_client_cert")
    func clientCertificate() async throws {
        let authority = try Self.certificates()
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "ssl_client_cert", authority.folder).waitForEnd()
            #expect(
                record.outputText.split(separator: "\n").sorted() == [
                    "Hello World!", "Inbound client certificate identity CN=test_client",
                    "Inbound server connection connected via SSL.  Protocol: TLSv1.3",
                    "Outgoing client connection connected via SSL.  Server certificate identity CN=test_server",
                ])
            #expect(record.errorText == "" && record.ending == .exited(0))
        }
        withExtendedLifetime(authority) {}
    }

    @Test("ssl without certificates says what is missing")
    func noCertificates() async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "ssl", "-c", "/nowhere").waitForEnd()
            #expect(record.errorText.contains("/nowhere/tserver-certificate.pem cannot be read: No such file"))
            #expect(record.ending == .exited(1))
        }
    }

    @Test("service_bus")
    func serviceBus() async throws {
        let authority = try TestAuthority()
        let issued = try authority.issue()
        let bus = try FakeServiceBus(TLSCertificate(file: issued.path, keyFile: issued.keyPath))
        try await withPrograms { programs in
            let program = try programs.start(
                "service_bus", environment: "SSL_CERT_FILE=\(authority.own.path)",
                ["-n", "localhost:\(bus.port)", "-p", "policy", "-k", "s3cret", "-e", "queue", "--timeout", "0.5"])
            let record = try await program.waitForEnd()
            #expect(record.errorText == "")
            let lines = record.outputText.split(separator: "\n").map(String.init)
            #expect(lines.count { $0.hasPrefix("   sent message: message ") } == 7)
            #expect(lines.count { $0.hasPrefix("   received message: message ") } == 7)
            #expect(
                lines.dropFirst(7).prefix(5) == [
                    "receiving messages with session identifier \"green\" from queue queue",
                    "   received message: message 1 in service bus session \"green\"",
                    "receiving messages with session identifier \"red\" from queue queue",
                    "   received message: message 0 in service bus session \"red\"",
                    "   received message: message 3 in service bus session \"red\"",
                ])
            #expect(lines.last == "Done. No more messages.")
            #expect(record.ending == .exited(0))
        }
        try await bus.stop()
        withExtendedLifetime(authority) {}
    }
}
