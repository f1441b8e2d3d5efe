// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import BrokerProgram
import Glibc

/// The program `amqp`: what its subcommands are, and how it ends.
package struct RootCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "amqp",
        abstract: "Send, receive and move messages of an AMQP 1.0 broker.",
        discussion: """
            WHERE THE BROKER IS: the first of --url, --context, the variable AMQP_URL, the variable AMQP_CONTEXT, \
            the context that 'amqp context select' has chosen, a file connect.json (MESSAGING_CONNECT_FILE, ./, \
            ~/.config/messaging/, /etc/messaging/), and amqp://localhost.

            THE PASSWORD is never an argument, since all users of a machine can read those. It is taken from the \
            first of --password-file, the URL, the context's password file or command, the variable AMQP_PASSWORD, \
            and the terminal.

            ADDRESSES are the broker's own. RabbitMQ 4 has /queues/NAME and /exchanges/NAME/KEY, and a queue has to \
            be there; RabbitMQ 3 has /queue/NAME; ActiveMQ, Artemis, Qpid and this library's broker have plain \
            names. --prefix /queues/ lets you write plain names for RabbitMQ 4.

            EXIT CODES: 0 done; 1 failed; 2 not connected: no broker there, log-in or TLS refused; 3 the broker, or \
            who answers, refused a link or a message; 4 nothing came in time; 64 wrong arguments; 130 stopped by a \
            signal before the end; 141 the reader of the output is gone.
            """,
        subcommands: [
            SendCommand.self, ReceiveCommand.self, RequestCommand.self, RespondCommand.self, MoveCommand.self,
            CopyCommand.self, PurgeCommand.self, ManageCommand.self, ContextCommand.self, BenchCommand.self,
            TraceCommand.self, BrokerCommand.self,
        ])

    package init() {}

    /// Runs the command that the arguments ask for, and ends the process.
    package static func runAndExit() async -> Never {
        // A reader that goes away is told by an error of `write`: the connection is closed in good order then.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            Glibc.exit(0)
        } catch {
            guard let failure = ToolError(error) else { exit(withError: error) }
            if !failure.message.isEmpty { StandardError.write("Error: \(failure.message)") }
            Glibc.exit(failure.exit.rawValue)
        }
    }
}
