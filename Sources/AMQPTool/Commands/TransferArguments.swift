// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Proton

/// The arguments of `move` and `copy`, and what both do.
package struct TransferArguments: ParsableArguments, Sendable {
    @Argument(help: "The address that messages come from.")
    package var from: String

    @Argument(help: "The address that they go to.")
    package var to: String

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("So many messages at most.", valueName: "number"))
    package var count: Int?

    @Option(help: ArgumentHelp("Only messages that the selector chooses.", valueName: "text"))
    package var selector: String?

    @Option(help: ArgumentHelp("How long credit, or an outcome, may take at the target.", valueName: "time"))
    package var timeout = TimeSpan.seconds(30)

    @OptionGroup(title: "Options of Another Broker")
    package var target: TargetArguments

    @OptionGroup(title: "Connection Options")
    package var connection: ConnectionArguments

    package init() {}

    package func validate() throws {
        if let count, count < 1 { throw ValidationError("--count: give a number above 0.") }
        if from == to, target.toURL == nil, target.toContext == nil {
            throw ValidationError("FROM and TO are the same address.")
        }
    }

    /// Takes over the messages that wait.
    /// - Parameters:
    ///   - what: what is done with them: `moved`.
    ///   - browses: whether they stay at their source as well.
    func run(_ what: String, browses: Bool) async throws {
        let source = try connection.resolve()
        let other = try target.resolve()
        if let other, from == to, other.url.hostAndPort == source.url.hostAndPort,
            other.virtualHost == source.virtualHost
        {
            throw ValidationError("FROM and TO are the same address of the same broker.")
        }
        let first = try await BrokerConnection.open(source, connection.behavior)
        let count = try await first.whileOpen { first in
            guard let other else { return try await transfer(what, browses, from: first, to: first) }
            let second = try await BrokerConnection.open(other, connection.behavior)
            // The scope outside watches for signals.
            do {
                let count = try await transfer(what, browses, from: first, to: second)
                await second.connection.close()
                return count
            } catch {
                await second.connection.close()
                throw error
            }
        }
        StandardError.write("\(count) \(what)")
    }

    private func transfer(
        _ what: String, _ browses: Bool, from first: BrokerConnection, to second: BrokerConnection
    ) async throws -> Int {
        let plan = ReceivePlan(
            address: first.address(from), limit: count, endsWhenDrained: true, browses: browses, selector: selector)
        let (timeout, count) = (timeout.duration, count)
        return try await second.connection.withSender(to: second.address(to)) { sender in
            try await plan.withMessages(on: first.connection) { messages in
                var transfer = Transfer(to: sender, timeout: timeout)
                var progress = Progress(what, of: count)
                defer { progress.end() }
                while let delivery = try await messages.next() {
                    try await transfer.send(delivery)
                    progress.advance()
                }
                guard !Task.isCancelled else {
                    await transfer.giveUp()
                    throw ToolError(.interrupted, "Stopped: \(transfer.tally.accepted) \(what).")
                }
                try await transfer.finish()
                return transfer.tally.accepted
            }
        }
    }
}
