// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// `amqp move`.
package struct MoveCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Move the messages that wait at an address to another one.",
        discussion: """
            A message is accepted at its source once the target has accepted it: none is lost, and after a loss of \
            the connection one may come twice. Where the target rejects or releases a message the command ends with \
            exit code 3, and that message and those behind it are at the source again.

            EXAMPLES:
              amqp move orders.dead-letters orders
              amqp move orders orders --to-url amqps://other.example --selector "year < 2026"
            """)

    @OptionGroup
    package var transfer: TransferArguments

    package init() {}

    package func run() async throws {
        try await transfer.run("moved", browses: false)
    }
}

/// `amqp copy`.
package struct CopyCommand: AsyncParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Copy the messages that wait at an address to another one.",
        discussion: """
            The source is browsed, so that its messages stay there; a broker that cannot do that is refused with exit code 3.

            EXAMPLES:
              amqp copy orders orders.test --count 10
            """)

    @OptionGroup
    package var transfer: TransferArguments

    package init() {}

    package func run() async throws {
        try await transfer.run("copied", browses: true)
    }
}
