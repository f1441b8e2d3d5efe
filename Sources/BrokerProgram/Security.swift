// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton
import ProtonBroker

/// Who may connect and what they may do, as the options say it: files that are read when the broker is made.
struct Security {
    var usersFile: String?
    var rulesFile: String?
    var rules: [String] = []
    var certificate: String?
    var key: String?
    var clientAuthorities: String?
    var certificateUser = CertificateUser.subject
    var isCertificateRequired = false

    /// Puts it into the broker's options.
    /// - Parameter onReadError: is told where the file of users has changed and cannot be read.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file or the option, and what is wrong.
    func apply(to options: inout BrokerOptions, onReadError: @escaping @Sendable (ProtonError) -> Void) throws {
        if let usersFile {
            guard access(usersFile, R_OK) == 0 else {
                throw ProtonError(
                    .invalidArgument,
                    "\(usersFile): cannot be read: \(String(cString: strerror(errno))). To make a file of users: "
                        + "broker --users \(usersFile) --add-user NAME")
            }
            options.users = try UserFile(path: usersFile, onReadError: onReadError)
        }
        options.rules = try readRules()
        options.tls = try tls()
    }

    /// The rules as the files and the options have them now; nil where there are none.
    func readRules() throws -> AccessRules? {
        guard rulesFile != nil || !rules.isEmpty else { return nil }
        var all = try AccessRules(rules.joined(separator: "\n"), source: "rule")
        if let rulesFile { all.add(try AccessRules(path: rulesFile)) }
        return all
    }

    private func tls() throws -> TLSServerOptions? {
        guard let certificate else {
            guard key == nil, clientAuthorities == nil, !isCertificateRequired else {
                throw ProtonError(
                    .invalidArgument, "tls-key and tls-client-… are of use with tls-certificate only: give that too.")
            }
            return nil
        }
        var tls = TLSServerOptions(certificate: TLSCertificate(file: certificate, keyFile: key))
        tls.userName = certificateUser.name
        if let clientAuthorities {
            let trust = TLSTrust.file(clientAuthorities)
            tls.clientCertificates = isCertificateRequired ? .required(trust) : .optional(trust)
        } else if isCertificateRequired {
            throw ProtonError(
                .invalidArgument, "tls-client-required is of use with tls-client-ca only: give that too.")
        }
        return tls
    }
}
