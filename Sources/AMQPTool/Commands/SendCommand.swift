// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser
import Proton

/// `amqp send`.
package struct SendCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send messages to an address.",
        discussion: """
            The body is TEXT, a file, or standard input where that is no terminal; --lines makes a message of each line of \
            standard input. With --count, {n} in texts stands for the number of the message, from 1.

            The command ends when each message has its outcome, and says how many were accepted; a message that was rejected or \
            released makes it fail with exit code 3.

            EXAMPLES:
              amqp send examples 'Hello World!' --durable -p kind=greeting -p size:int=5
              amqp send orders --json '{"item": "tea", "grams": 100}'
              amqp send examples 'message {n}' --count 1000 --rate 100
              generate | amqp send examples --lines
              amqp send orders --lines --message < saved.jsonl
            """)

    @Argument(help: "The address to send to.")
    package var address: String

    @OptionGroup
    package var body: BodyArguments

    @Flag(help: "Make a message of each line of standard input.")
    package var lines = false

    @Flag(
        help: "The body is a whole message, as 'amqp receive -o json' writes it; message options change what they name."
    )
    package var message = false

    @Option(
        name: [.customShort("n"), .long], help: ArgumentHelp("How often to send the message.", valueName: "number"))
    package var count: Int?

    @Option(help: ArgumentHelp("How many messages to send a second, at most.", valueName: "number"))
    package var rate: Rate?

    @Option(help: ArgumentHelp("How long credit, or an outcome, may take.", valueName: "time"))
    package var timeout = TimeSpan.seconds(30)

    @Flag(name: .shortAndLong, help: "Do not say how many were accepted.")
    package var quiet = false

    @OptionGroup(title: "Message Options")
    package var options: MessageArguments

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    package func validate() throws {
        if lines, body.text != nil || body.file != nil || count != nil {
            throw ValidationError("--lines takes the bodies from standard input: leave TEXT, --file and --count out.")
        }
        if message, body.form != nil {
            throw ValidationError("--message says what the body is: leave --text, --bytes and --json out.")
        }
        if let count, count < 1 { throw ValidationError("--count: give a number above 0.") }
    }

    package func run() async throws {
        let body = lines ? nil : try self.body.bytes()
        // What is no JSON, or no text, is told before anything is connected to.
        if let body { _ = try make(body.bytes, body.form, count == nil ? nil : 1) }
        let tally = try await connection.withBroker { broker in
            try await broker.connection.withSender(to: broker.address(address)) { sender in
                var sending = PipelinedSender(sender, timeout: timeout.duration)
                try await send(body, by: &sending)
                return sending.tally
            }
        }
        if let failure = tally.failure { throw failure }
        if !quiet { StandardError.write(tally.summary) }
    }

    private func send(_ body: (bytes: [UInt8], form: BodyForm)?, by sending: inout PipelinedSender) async throws {
        var pace = Pace(rate)
        var progress = Progress("sent", of: count)
        if let body {
            for number in 1...(count ?? 1) {
                try await pace.wait()
                try await sending.send(try make(body.bytes, body.form, count == nil ? nil : number))
                progress.advance()
            }
        } else {
            for try await line in InputLines() {
                try await pace.wait()
                try await sending.send(try make(line, self.body.form ?? .text, nil))
                progress.advance()
            }
        }
        progress.end()
        if Task.isCancelled {
            await sending.giveUp()
            throw ToolError(.interrupted, "Stopped: \(sending.tally.summary).")
        }
        try await sending.finish()
    }

    /// A message of some bytes.
    private func make(_ bytes: [UInt8], _ form: BodyForm, _ number: Int?) throws -> Message {
        if message {
            var message = try MessageJSONInput.message(bytes)
            try options.apply(to: &message, number: number)
            return message
        }
        var body = try form.body(bytes)
        if number != nil, case .value(.string(let text)) = body { body = .value(.string(text.numbered(number))) }
        return try options.message(body: body, number: number)
    }
}
