// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExampleSignals
import Proton

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "async_recv", abstract: "Receive messages from the supplied address.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to receive; 0 receives indefinitely")
    var messages = 100

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
    }

    func run() async throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        let url = try AMQPURL(address)
        try await AMQPClient(address, options: options).withConnection { connection in
            try await untilStopped { [messages] in
                var received = 0
                for try await delivery in connection.receiver(from: url.path) {
                    delivery.accept()
                    // Ignore a duplicate message.
                    if let id = delivery.message.id?.intValue, id < received { continue }
                    print(delivery.message.body)
                    received += 1
                    if received == messages { break }
                }
            }
        }
    }
}
