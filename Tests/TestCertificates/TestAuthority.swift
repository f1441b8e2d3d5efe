// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPrograms

/// An authority of a test's own, and the certificates that it issues, as files in a folder that goes with it.
///
/// `openssl` makes them: they last for two days.
package final class TestAuthority: Sendable {
    /// A certificate and its key, as files in PEM.
    package struct Issued: Sendable {
        package let path: String
        package let keyPath: String

        /// What the file of the certificate holds.
        package var pem: String { get throws { try String(contentsOfFile: path, encoding: .utf8) } }
        /// What the file of the key holds.
        package var key: String { get throws { try String(contentsOfFile: keyPath, encoding: .utf8) } }
    }

    /// The folder of everything that this authority has made.
    package let folder: String
    /// The authority's own certificate.
    package let own: Issued

    /// - Parameter name: the authority's common name.
    package init(_ name: String = "Test authority") throws {
        folder = try TestAuthority.makeFolder()
        own = Issued(path: "\(folder)/authority.pem", keyPath: "\(folder)/authority.key")
        try TestAuthority.openssl(
            ["req", "-x509"] + TestAuthority.newKey + [
                "-keyout", own.keyPath, "-out", own.path, "-days", "2", "-subj", "/CN=\(name)", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ])
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Issues a certificate.
    /// - Parameters:
    ///   - file: what its files are called; those there are of that name are replaced.
    ///   - subject: as `openssl req -subj` takes it.
    ///   - names: subject alternative names, as in `DNS:localhost`; empty is none.
    ///   - days: for how long; below zero makes one that has expired.
    package func issue(
        _ file: String = "server", subject: String = "/O=Example/CN=server",
        names: [String] = ["DNS:localhost", "IP:127.0.0.1"], days: Int = 2
    ) throws -> Issued {
        let issued = Issued(path: "\(folder)/\(file).pem", keyPath: "\(folder)/\(file).key")
        let (request, extensions) = ("\(folder)/\(file).csr", "\(folder)/\(file).ext")
        try TestAuthority.openssl(
            ["req"] + TestAuthority.newKey + ["-keyout", issued.keyPath, "-out", request, "-subj", subject])
        let text = names.isEmpty ? "" : "subjectAltName=\(names.joined(separator: ","))\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: extensions))
        try TestAuthority.openssl([
            "x509", "-req", "-in", request, "-CA", own.path, "-CAkey", own.keyPath, "-days", "\(days)", "-set_serial",
            "\(UInt64.random(in: 1...UInt64(Int64.max)))", "-extfile", extensions, "-out", issued.path,
        ])
        return issued
    }

    /// A certificate that is signed by its own key.
    package func selfSigned(_ file: String = "self", names: [String] = ["DNS:localhost"]) throws -> Issued {
        let issued = Issued(path: "\(folder)/\(file).pem", keyPath: "\(folder)/\(file).key")
        try TestAuthority.openssl(
            ["req", "-x509"] + TestAuthority.newKey + [
                "-keyout", issued.keyPath, "-out", issued.path, "-days", "2", "-subj", "/CN=self", "-addext",
                "subjectAltName=\(names.joined(separator: ","))",
            ])
        return issued
    }

    /// A copy of a key that is encrypted with a password.
    package func encrypted(_ issued: Issued, password: String) throws -> Issued {
        let path = "\(issued.keyPath).encrypted"
        try TestAuthority.openssl([
            "pkcs8", "-topk8", "-in", issued.keyPath, "-out", path, "-passout", "pass:\(password)",
        ])
        return Issued(path: issued.path, keyPath: path)
    }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    private static func makeFolder() throws -> String {
        let path = "\(NSTemporaryDirectory())/certificates-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// Runs `openssl`, which needs some milliseconds.
    package static func openssl(_ arguments: [String]) throws {
        try TestProgram.run(["/usr/bin/openssl"] + arguments)
    }
}
