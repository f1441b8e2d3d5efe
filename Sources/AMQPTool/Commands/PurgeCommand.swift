// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Proton

/// `amqp purge`.
package struct PurgeCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Take away the messages that wait at an address.",
        discussion: """
            They are received, accepted and dropped; how many they were is written to standard output. On a terminal \
            the command asks first; elsewhere --force is needed.
            """,
        aliases: ["drain"])

    @Argument(help: "The address.")
    package var address: String

    @Flag(name: .shortAndLong, help: "Do not ask.")
    package var force = false

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("So many messages at most.", valueName: "number"))
    package var count: Int?

    @Option(help: ArgumentHelp("Only messages that the selector chooses.", valueName: "text"))
    package var selector: String?

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    package func validate() throws {
        if let count, count < 1 { throw ValidationError("--count: give a number above 0.") }
    }

    package func run() async throws {
        let settings = try connection.resolve()
        try Confirmation.require(
            "Take away all messages of \(settings.address(address)) at \(settings.url.hostAndPort)", isForced: force,
            refusal: "Nothing was taken away.")
        let broker = try await BrokerConnection.open(settings, connection.behavior)
        let purged = try await broker.whileOpen { broker in
            let plan = ReceivePlan(
                address: broker.address(address), limit: count, endsWhenDrained: true, selector: selector)
            return try await plan.withMessages(on: broker.connection) { messages in
                var progress = Progress("taken away", of: count)
                defer { progress.end() }
                while let delivery = try await messages.next() {
                    delivery.accept()
                    progress.advance()
                }
                if Task.isCancelled { throw ToolError(.interrupted, "Stopped: \(progress.count) messages taken away.") }
                return progress.count
            }
        }
        try StandardOutput.writeLine("\(purged)")
    }
}
