// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser
import Proton

/// `amqp respond`.
package struct RespondCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "respond", abstract: "Answer the requests that come to an address, until Control-C.",
        discussion: """
            With --echo the response is the request's body. Otherwise a command runs for each request: it has the \
            body on its standard input, and what it writes to standard output is the response. A command that does \
            not end with exit code 0, or not within --timeout, has the request rejected; why is written to standard \
            error.

            Each response goes to the reply address of its request, with its correlation id.

            EXAMPLES:
              amqp respond echo --echo
              amqp respond upper -- tr a-z A-Z
            """)

    @Argument(help: "The address that requests come to.")
    package var address: String

    @Flag(help: "Send back the body.")
    package var echo = false

    @Argument(parsing: .postTerminator, help: "The command, and its arguments.")
    package var command: [String] = []

    @Flag(exclusivity: .exclusive)
    package var form: BodyForm?

    @Option(help: ArgumentHelp("What the command reads: raw, text or json, as of 'amqp receive'.", valueName: "format"))
    package var input = OutputFormat.raw

    @Option(help: ArgumentHelp("How many requests are answered at once.", valueName: "number"))
    package var concurrency = 4

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("End after so many requests.", valueName: "number"))
    package var count: Int?

    @Option(help: ArgumentHelp("How long the command may take.", valueName: "time"))
    package var timeout = TimeSpan.seconds(30)

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    package func validate() throws {
        guard echo != !command.isEmpty else {
            throw ValidationError("Say how to respond: --echo, or -- and a command.")
        }
        guard (1...1_000).contains(concurrency) else { throw ValidationError("--concurrency: give 1 to 1000.") }
        if let count, count < 1 { throw ValidationError("--count: give a number above 0.") }
    }

    package func run() async throws {
        try await connection.withBroker { broker in
            let responded = CountedWork(limit: count)
            try await responded.run {
                try await broker.connection.serve(
                    broker.address(address), concurrency: min(concurrency, count ?? .max),
                    attached: { _ in StandardError.write("Answering requests to \(address): Control-C ends.") }
                ) { request in
                    // What comes beyond the number goes back.
                    guard responded.begin() else { throw Delivery.Release() }
                    defer { responded.end() }
                    return try await response(to: request)
                }
            }
        }
    }

    private func response(to request: Message) async throws -> Message {
        if echo { return Message(body: request.body, contentType: request.contentType) }
        do {
            let output = try await ChildCommand(command).run(
                input: input.bytes(of: request), timeout: timeout.duration)
            return Message(body: try body(output, of: request))
        } catch {
            let problem = "\(command[0]): \(error)".escapedForTerminal(upTo: 1_000)
            StandardError.write("warning: \(problem)")
            throw Delivery.Reject(Condition(.internalError, problem))
        }
    }

    /// What a command has written, as bytes where the request was, or it is no text.
    private func body(_ output: [UInt8], of request: Message) throws -> Message.Body {
        if let form { return try form.body(output) }
        if request.body.bytes == nil, let text = String(validating: output, as: UTF8.self) {
            return .value(.string(text))
        }
        return .data(output)
    }
}
