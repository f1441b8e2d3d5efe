// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser
import Proton

/// `amqp receive`.
package struct ReceiveCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "receive", abstract: "Receive messages from an address.",
        discussion: """
            Messages are written to standard output, each is accepted once it is written, and the command waits for \
            more until Control-C. --count ends it after so many, --drain once those that wait there have come, and \
            --timeout when no message has come for so long.

            --output text writes bodies as people read them; json writes each message with all its sections as JSON \
            in one line, where types that JSON has not are an object with one key, such as {"$uint": 5}, {"$base64": \
            "aGk="} or {"$timestamp": "…"}; raw writes the bytes of bodies and nothing between them.

            EXAMPLES:
              amqp receive examples
              amqp receive examples --drain -o json | jq .body
              amqp receive examples --browse --drain
            """)

    @Argument(help: "The address to receive from.")
    package var address: String

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("End after so many messages.", valueName: "number"))
    package var count: Int?

    @Flag(help: "End once those that wait there have come.")
    package var drain = false

    @Option(
        help: ArgumentHelp(
            "End when no message has come for so long; with --count that fails with exit code 4.", valueName: "time"))
    package var timeout: TimeSpan?

    @Flag(help: "Leave the messages where they are, on brokers that can do that.")
    package var browse = false

    @Flag(help: "Give the messages back at the end; 1,000 are received at most.")
    package var noAccept = false

    @Option(help: ArgumentHelp("Only messages that the selector chooses: \"size > 5\".", valueName: "text"))
    package var selector: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("text, json or raw.", valueName: "format"))
    package var output = OutputFormat.text

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    package func validate() throws {
        if let count, count < 1 { throw ValidationError("--count: give a number above 0.") }
        if browse, noAccept {
            throw ValidationError("--browse leaves messages where they are: --no-accept is not needed.")
        }
    }

    package func run() async throws {
        try await connection.withBroker { broker in
            let plan = ReceivePlan(
                address: broker.address(address),
                limit: noAccept ? min(count ?? .max, ReceivePlan.maxUnsettled) : count,
                endsWhenDrained: drain, idle: timeout?.duration, browses: browse, selector: selector)
            try await plan.withMessages(on: broker.connection) { messages in try await write(messages) }
        }
    }

    private func write(_ messages: ReceivedMessages) async throws {
        var kept: [AMQPDelivery] = []
        defer { for delivery in kept { delivery.release() } }
        var received = 0
        while let delivery = try await messages.next() {
            // Accepted once it is written: what nobody has read is not lost.
            try StandardOutput.write(output.bytes(of: delivery.message))
            if noAccept { kept.append(delivery) } else { delivery.accept() }
            received += 1
        }
        guard let count, received < count, !drain else { return }
        if Task.isCancelled { throw ToolError(.interrupted, "Stopped: \(received) of \(count) messages came.") }
        if timeout != nil { throw ToolError(.timedOut, "\(received) of \(count) messages came in time.") }
    }
}
