// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExampleSignals
import Proton

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "async_helloworld", abstract: "Send a message to a broker, and receive it from there.")

    @Argument(help: "broker to connect to")
    var server = "localhost:5672"

    @Argument(help: "address to which the message is sent")
    var address = "examples"

    func run() async throws {
        let client = try AMQPClient(server, options: ConnectionOptions(reconnect: nil))
        try await client.withConnection { connection in
            try await untilStopped { [address] in
                // Returns once the broker has accepted the message.
                try await connection.send("Hello World!", to: address)
                for try await delivery in connection.receiver(from: address) {
                    print(delivery.message.body)
                    delivery.accept()
                    break
                }
            }
        }
    }
}
