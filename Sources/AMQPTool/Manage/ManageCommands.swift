// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser

/// `amqp manage list`.
package struct ManageListCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the queues of a broker, or what else there is.",
        discussion: "JSON is one object in a line for each.")

    @Argument(help: "queues, subscriptions, connections or links.")
    package var kind = ManagedKind.queues

    @Option(help: ArgumentHelp("The attributes to show, separated by commas.", valueName: "names"))
    package var columns: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("text or json.", valueName: "format"))
    package var output = ManageFormat.text

    @OptionGroup
    package var arguments: ManageArguments

    package init() {}

    package func run() async throws {
        let names = columns?.split(separator: ",").map(String.init) ?? kind.columns
        let kind = kind
        let rows = try await arguments.withManagement { try await $0.list(kind, names) }
        switch output {
        case .text:
            for line in TextTable(columns: names, rows: rows).lines { try StandardOutput.writeLine(line) }
        case .json:
            for row in rows {
                let pairs = zip(names, row).map { (AMQPValue.string($0), $1.plain) }
                try StandardOutput.writeLine(JSONText.of(.map(AMQPMap(pairs))))
            }
        }
    }
}

/// `amqp manage show`.
package struct ManageShowCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that a broker says of a queue, or of something else.")

    @Argument(help: "The name: of a queue, its address.")
    package var name: String

    @Option(help: ArgumentHelp("queues, subscriptions, connections or links.", valueName: "kind"))
    package var kind = ManagedKind.queues

    @Option(name: .shortAndLong, help: ArgumentHelp("text or json.", valueName: "format"))
    package var output = ManageFormat.text

    @OptionGroup
    package var arguments: ManageArguments

    package init() {}

    package func run() async throws {
        let (kind, name) = (kind, name)
        try output.write(try await arguments.withManagement { try await $0.show(kind, name) })
    }
}

/// `amqp manage declare`.
package struct ManageDeclareCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "declare", abstract: "Declare a queue.",
        discussion: """
            Attributes of this package's broker are maxMessages, maxBytes, policy (withholdCredit, reject or dropOldest), \
            isExclusive, maxDeliveries, redeliveryDelay and maxRedeliveryDelay (in milliseconds) and deadLetterAddress. Those of \
            RabbitMQ are type (quorum, classic or stream), durable, auto-delete, and arguments such as x-max-length=1000.
            """)

    @Argument(help: "The name of the queue.")
    package var name: String

    @Argument(help: ArgumentHelp("What the queue is to be: maxMessages=1000.", valueName: "attribute=value"))
    package var attributes: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("text or json.", valueName: "format"))
    package var output = ManageFormat.text

    @OptionGroup
    package var arguments: ManageArguments

    package init() {}

    package func validate() throws {
        for text in attributes where QueueAttributeArgument(text) == nil {
            throw ValidationError("'\(text)' is no attribute: write NAME=VALUE.")
        }
    }

    package func run() async throws {
        let (name, attributes) = (name, attributes.compactMap { QueueAttributeArgument($0) })
        let queue = try await arguments.withManagement { try await $0.declare(name, attributes) }
        try output.write(queue)
    }
}

/// `amqp manage purge`.
package struct ManagePurgeCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Remove the messages of a queue that no consumer has.",
        discussion: "On a terminal the command asks first; elsewhere --force is needed.")

    @Argument(help: "The name of the queue.")
    package var name: String

    @Option(help: ArgumentHelp("queues or subscriptions.", valueName: "kind"))
    package var kind = ManagedKind.queues

    @Flag(name: .shortAndLong, help: "Do not ask.")
    package var force = false

    @OptionGroup
    package var arguments: ManageArguments

    package init() {}

    package func run() async throws {
        let (kind, name) = (kind, name)
        try Confirmation.require("Remove the messages of \(name)", isForced: force, refusal: "Nothing was removed.")
        let count = try await arguments.withManagement { try await $0.purge(kind, name) }
        try StandardOutput.writeLine("\(count)")
    }
}

/// `amqp manage delete`.
package struct ManageDeleteCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a queue with its messages.",
        discussion: "On a terminal the command asks first; elsewhere --force is needed."
    )

    @Argument(help: "The name of the queue.")
    package var name: String

    @Option(help: ArgumentHelp("queues or subscriptions.", valueName: "kind"))
    package var kind = ManagedKind.queues

    @Flag(name: .shortAndLong, help: "Do not ask.")
    package var force = false

    @OptionGroup
    package var arguments: ManageArguments

    package init() {}

    package func run() async throws {
        let (kind, name) = (kind, name)
        try Confirmation.require("Delete \(name) with its messages", isForced: force, refusal: "Nothing was deleted.")
        try await arguments.withManagement { try await $0.delete(kind, name) }
    }
}

extension ManageFormat {
    /// Writes all that a broker says of something.
    /// - Throws: as `StandardOutput.write`.
    func write(_ attributes: AMQPMap) throws {
        switch self {
        case .json: try StandardOutput.writeLine(JSONText.of(AMQPValue.map(attributes).plain))
        case .text:
            let names = attributes.map { TextTable.text($0.key) }
            let width = names.reduce(0) { max($0, $1.count) }
            for (name, value) in zip(names, attributes.values) {
                let space = String(repeating: " ", count: width - name.count)
                try StandardOutput.writeLine("\(name)\(space)  \(TextTable.text(value))")
            }
        }
    }
}
