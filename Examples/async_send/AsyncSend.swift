// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExampleSignals
import Proton

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "async_send", abstract: "Send messages to the supplied address.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to send")
    var messages = 100

    /// How many messages are handed over at a time.
    fileprivate static let batch = 1_000

    func validate() throws {
        guard messages > 0 else { throw ValidationError("--messages: give a number above 0.") }
    }

    func run() async throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        let url = try AMQPURL(address)
        try await AMQPClient(address, options: options).withConnection { connection in
            try await untilStopped { [messages] in
                try await connection.withSender(to: url.path) { sender in
                    try await send(messages, by: sender)
                }
                print("all messages confirmed")
            }
        }
    }
}

/// A message that waits for its outcome.
private struct Sent {
    let message: Message
    let receipt: SendReceipt
}

/// Sends messages, and returns when the peer has accepted all of them.
private func send(_ count: Int, by sender: AMQPSender) async throws {
    // The next batch is on its way while the outcomes of the one before come, and no more than two are kept.
    var waiting: [Sent] = []
    for first in stride(from: 1, through: count, by: Program.batch) {
        let messages = (first..<min(first + Program.batch, count + 1)).map { number in
            Message(id: MessageID(number), body: ["sequence": number])
        }
        let receipts = try await sender.submit(contentsOf: messages)
        for sent in waiting { try await confirm(sent, by: sender) }
        waiting = zip(messages, receipts).map(Sent.init)
    }
    for sent in waiting { try await confirm(sent, by: sender) }
}

/// Waits until a message is accepted, and sends it again where that is in doubt.
private func confirm(_ sent: Sent, by sender: AMQPSender) async throws {
    do {
        let outcome = try await sent.receipt.outcome
        guard case .accepted = outcome else { throw AMQPSendError.refused(outcome) }
    } catch AMQPSendError.inDoubt {
        // The connection was lost. Messages have ids, by which receivers know those that come twice.
        try await sender.send(sent.message)
    }
}
