// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser
import Proton

/// `amqp manage`.
package struct ManageCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "manage", abstract: "Look at a broker, and declare, purge and delete queues.",
        discussion: """
            Works with brokers that have a node $management (AMQP Management 1.0), as the broker of this package, and with \
            RabbitMQ 4, which lists nothing over AMQP. Names of queues are written without a prefix.

              amqp manage list
              amqp manage declare orders maxMessages=1000 policy=reject
              amqp manage show orders -o json
              amqp manage purge orders --force
            """,
        subcommands: [
            ManageListCommand.self, ManageShowCommand.self, ManageDeclareCommand.self, ManagePurgeCommand.self,
            ManageDeleteCommand.self,
        ])

    package init() {}
}

/// How what a broker says is written.
package enum ManageFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case text, json
}

extension ManagedKind: ExpressibleByArgument {}

/// The options of each command of `amqp manage`.
package struct ManageArguments: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("How long each answer may take.", valueName: "time"))
    package var timeout = TimeSpan.seconds(30)

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    /// Connects, finds out which management the broker has, and runs work with it.
    /// - Throws: what the work throws; `ToolError` where there is no connection.
    func withManagement<Result: Sendable>(
        _ work: @escaping @Sendable (any BrokerManagement) async throws -> Result
    ) async throws -> Result {
        var settings = try connection.resolve()
        // What was asked for at a terminal is not asked for again.
        settings.url.password = try settings.options(.current).url.password
        let (timeout, containerID) = (timeout.duration, connection.containerID)
        let broker = try await BrokerConnection.open(settings, connection.behavior)
        return try await broker.whileOpen { [settings] broker in
            guard let peer = broker.connection.peer, peer.isRabbitMQ else {
                return try await work(NodeManagement(connection: broker.connection, timeout: timeout))
            }
            guard !peer.isRabbitMQ3 else {
                throw ToolError(.refused, "RabbitMQ 3 cannot be managed over AMQP 1.0: use rabbitmqadmin.")
            }
            var (url, options) = try settings.options(.current)
            url.path = nil
            options.reconnect = nil
            options.containerID = containerID.map { "\($0)-management" }
            let blocking = try BlockingConnection(url, timeout: timeout, options: options)
            defer { try? blocking.close() }
            return try await work(try await RabbitMQQueues(blocking))
        }
    }
}
