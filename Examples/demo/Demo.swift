// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton
import ProtonBroker

@main
struct Demo: AsyncParsableCommand {
    func run() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try await AMQPClient(broker.address).withConnection { connection in
            // Returns once the broker has accepted the message.
            try await connection.send("Hello World!", to: "examples")
            for try await delivery in connection.receiver(from: "examples") {
                print(delivery.message.body)
                delivery.accept()
                break
            }
        }
    }
}
