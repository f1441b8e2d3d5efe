// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import Proton

/// The options of every command that talks to a broker: where it is, and how to log in.
package struct ConnectionArguments: ParsableArguments, Sendable {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where the broker is: amqp://HOST:PORT, or amqps:// for TLS.", valueName: "url"))
    package var url: String?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The context to use: see 'amqp context'.", valueName: "name"),
        completion: .custom { _, _, _ in ContextStore.namesForCompletion() })
    package var context: String?

    @Option(help: ArgumentHelp("The user to log in as.", valueName: "name"))
    package var user: String?

    @Option(
        help: ArgumentHelp("A file whose first line is the password; - is standard input.", valueName: "file"),
        completion: .file())
    package var passwordFile: String?

    @Option(
        help: ArgumentHelp("Trust these authorities too: certificates in PEM.", valueName: "file"), completion: .file())
    package var ca: String?

    @Option(
        help: ArgumentHelp("The certificate to show to the broker, in PEM.", valueName: "file"), completion: .file())
    package var cert: String?

    @Option(
        help: ArgumentHelp("The key of the certificate; default: in the certificate's file.", valueName: "file"),
        completion: .file())
    package var key: String?

    @Flag(help: "Do not verify the broker's certificate: anybody on the way can pass for it.")
    package var insecure = false

    @Option(
        help: ArgumentHelp("A SASL mechanism that may be used, such as PLAIN; may be repeated.", valueName: "name"))
    package var mechanism: [String] = []

    @Flag(help: "Send a password in the clear, without TLS, to other machines too.")
    package var allowPlaintextPassword = false

    @Option(help: ArgumentHelp("The virtual host; on RabbitMQ vhost:NAME.", valueName: "name"))
    package var virtualHost: String?

    @Option(help: ArgumentHelp("This client's container id.", valueName: "id"))
    package var containerID: String?

    @Option(
        help: ArgumentHelp("What is put before each address, such as /queues/ for RabbitMQ 4.", valueName: "text"))
    package var prefix: String?

    @Option(help: ArgumentHelp("How long connecting, also after a loss, may take.", valueName: "time"))
    package var connectTimeout = TimeSpan.seconds(10)

    @Flag(help: "Try again for as long as --connect-timeout says, also where no broker is there yet.")
    package var retry = false

    @Flag(help: "Tell on standard error what the connection does.")
    package var verbose = false

    package init() {}

    package func validate() throws {
        if url != nil, context != nil {
            throw ValidationError("--url or --context: a context has a URL of its own.")
        }
        if key != nil, cert == nil { throw ValidationError("--key is the key of a certificate: give --cert too.") }
    }

    /// What is to be connected to.
    /// - Throws: `ToolError`, `ValidationError`.
    package func resolve(_ environment: ToolEnvironment = .current) throws -> BrokerSettings {
        var settings = try BrokerSettings.choose(url: url, context: context, environment)
        if let user {
            settings.url.user = user
            settings.url.password = nil
        }
        if let passwordFile { settings.password = .file(passwordFile) }
        settings.ca = ca ?? settings.ca
        if let cert { (settings.cert, settings.key) = (cert, key) }
        settings.isInsecure = settings.isInsecure || insecure
        settings.virtualHost = virtualHost ?? settings.virtualHost
        settings.prefix = prefix ?? settings.prefix
        if !mechanism.isEmpty { settings.mechanisms = mechanism }
        settings.allowsPlaintextPassword = settings.allowsPlaintextPassword || allowPlaintextPassword
        return settings
    }

    /// How the connection behaves.
    package var behavior: ConnectionBehavior {
        ConnectionBehavior(
            timeout: connectTimeout.duration, triesAgain: retry, containerID: containerID, isVerbose: verbose)
    }

    /// Connects, runs work until it is done or a signal comes, and closes the connection in good order.
    /// - Parameter configure: changes the client before it connects.
    /// - Throws: what the work throws; `ToolError` where there is no connection.
    package func withBroker<Result: Sendable>(
        configure: (inout AMQPClient) -> Void = { _ in },
        _ work: @escaping @Sendable (BrokerConnection) async throws -> Result
    ) async throws -> Result {
        let broker = try await BrokerConnection.open(resolve(), behavior, configure: configure)
        return try await broker.whileOpen(work)
    }
}
