// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser
import Glibc
import Proton

/// `amqp request`.
package struct RequestCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "request", abstract: "Send a request to an address, and write the response.",
        discussion: """
            The request gets an id, a correlation id and a reply address. The broker makes a node for the response; \
            --reply-to names a queue for brokers that make none, such as RabbitMQ 4.0: what else is in it is lost.

            No response within --timeout ends the command with exit code 4; a request that is rejected or released with 3.

            EXAMPLES:
              amqp request prices tea
            """)

    @Argument(help: "The address to send the request to.")
    package var address: String

    @OptionGroup
    package var body: BodyArguments

    @Option(help: ArgumentHelp("How long the response may take.", valueName: "time"))
    package var timeout = TimeSpan.seconds(30)

    @Option(name: .shortAndLong, help: ArgumentHelp("text, json or raw, as of 'amqp receive'.", valueName: "format"))
    package var output = OutputFormat.text

    @OptionGroup(title: "Message Options")
    package var message: MessageArguments

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    package func validate() throws {
        guard message.id == nil, message.correlationID == nil else {
            throw ValidationError("--id and --correlation-id: a request gets ids of its own.")
        }
    }

    package func run() async throws {
        var request = try message.message(body: try body.read(), number: nil)
        request.replyTo = nil
        let response = try await connection.withBroker { [request] broker in
            do {
                return try await broker.connection.request(
                    request, to: broker.address(address), replyTo: message.replyTo.map(broker.address),
                    timeout: timeout.duration)
            } catch AMQPSendError.inDoubt(let cause as ProtonError) where cause.code == .timedOut {
                throw ToolError(.timedOut, "\(cause.message) Does somebody answer at \(address)?")
            }
        }
        try StandardOutput.write(output.bytes(of: response))
    }
}
