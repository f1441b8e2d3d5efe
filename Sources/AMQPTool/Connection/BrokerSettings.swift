// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ArgumentParser
package import Proton

/// Where a broker is and how to log in, once it is known which of the sources of that counts.
package struct BrokerSettings: Sendable {
    /// Where a password comes from, besides the URL.
    package enum PasswordSource: Sendable, Hashable {
        case none
        /// The variable AMQP_PASSWORD, or its like.
        case value(String)
        /// The first line of a file.
        case file(String)
        /// The first line that a command of the shell prints.
        case command(String)
    }

    package var url: AMQPURL
    package var password: PasswordSource
    package var ca: String?
    package var cert: String?
    package var key: String?
    package var isInsecure = false
    package var virtualHost: String?
    package var mechanisms: [String] = []
    package var allowsPlaintextPassword = false
    /// What is put before addresses.
    package var prefix: String?
    /// What connect.json says besides.
    package var base = ConnectionOptions()

    init(url: AMQPURL, password: PasswordSource = .none) {
        (self.url, self.password) = (url, password)
    }

    /// Chooses where to connect to: the arguments before the environment, then the chosen context, then connect.json.
    /// - Throws: `ToolError`, `ValidationError`.
    package static func choose(
        url: String?, context: String?, _ environment: ToolEnvironment, option: String = "--url"
    ) throws -> BrokerSettings {
        var settings = try settings(url: url, context: context, environment, option)
        if case .none = settings.password, let password = environment.password, !password.isEmpty {
            settings.password = .value(password)
        }
        return settings
    }

    private static func settings(
        url: String?, context: String?, _ environment: ToolEnvironment, _ option: String
    ) throws -> BrokerSettings {
        if let url {
            return BrokerSettings(url: try parseArgument(url, option))
        }
        if let context { return try environment.contexts().context(context).settings() }
        if let url = environment.url, !url.isEmpty { return BrokerSettings(url: try parse(url, from: "AMQP_URL")) }
        if let context = environment.context, !context.isEmpty {
            return try environment.contexts().context(context).settings()
        }
        if let context = try environment.contexts().selectedContext { return try context.settings() }
        guard let path = environment.connectFile() else { return BrokerSettings(url: AMQPURL()) }
        let file = try ConnectFile(path: path)
        var settings = BrokerSettings(url: file.url)
        settings.base = file.complete(ConnectionOptions())
        return settings
    }

    /// Reads a URL that is an argument, and warns of a password in it.
    /// - Throws: as `parse`.
    static func parseArgument(_ text: String, _ option: String) throws -> AMQPURL {
        let url = try parse(text, from: option)
        if url.password != nil {
            StandardError.write(
                "warning: all users of this machine can read a password in \(option) while the command runs: use a user and "
                    + "AMQP_PASSWORD, or a context.")
        }
        return url
    }

    /// Reads a URL, which says where a broker is and names no address.
    /// - Throws: `ValidationError` that says what is wrong with it.
    package static func parse(_ text: String, from source: String) throws -> AMQPURL {
        let url: AMQPURL
        do { url = try AMQPURL(text) } catch { throw ValidationError("\(source): \(error)") }
        guard url.path ?? "" == "" else {
            throw ValidationError(
                "\(source): leave /\(url.path ?? "") out: a URL says where the broker is. The address is an argument of its own, "
                    + "and a virtual host that of --virtual-host.")
        }
        return url
    }

    /// The address that the broker is asked for.
    package func address(_ text: String) -> String { (prefix ?? "") + text }

    /// Makes the options of a connection; asks for the password where it is needed.
    /// - Throws: `ToolError`, `ValidationError`.
    func options(_ environment: ToolEnvironment) throws -> (url: AMQPURL, options: ConnectionOptions) {
        var (url, options) = (url, base)
        options.virtualHost = virtualHost ?? options.virtualHost
        if !mechanisms.isEmpty { options.allowedMechanisms = mechanisms }
        if allowsPlaintextPassword { options.allowsInsecureMechanisms = .everywhere }
        try secure(&options)
        if let user = url.user, url.password == nil {
            let hasCertificate = options.tls?.certificate != nil
            url.password = try Password.find(password, user: user, url.hostAndPort, isNeeded: !hasCertificate)
        }
        return (url, options)
    }

    private func secure(_ options: inout ConnectionOptions) throws {
        guard ca != nil || cert != nil || isInsecure else { return }
        guard url.scheme == .amqps else {
            throw ValidationError(
                "--ca, --cert and --insecure are for TLS, and \(url) is a connection in the clear: begin the URL with amqps://."
            )
        }
        var tls = options.tls ?? TLSClientOptions()
        if let ca { tls.trust = tls.trust.adding(.file(ca)) }
        if let cert { tls.certificate = TLSCertificate(file: cert, keyFile: key) }
        if isInsecure { tls.verification = .insecureNoVerification }
        options.tls = tls
    }
}
