// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Listens, receives the messages that peers send, and ends when as many have come as were expected.
final class Recv: MessagingHandler {
    let url: String
    let expected: Int
    var received = 0
    var listener: Listener?

    init(_ url: String, _ count: Int) {
        self.url = url
        expected = count
    }

    func onStart(_ event: ContainerEvent) throws {
        listener = try event.container.listen(url)
    }

    func onMessage(_ event: MessageEvent) {
        if let id = event.message.id?.intValue, id < received {
            // Ignore a duplicate message.
            return
        }
        if expected == 0 || received < expected {
            print(event.message.body)
            received += 1
            if received == expected {
                event.receiver.close()
                event.connection.close()
                listener?.close()
            }
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "direct_recv", abstract: "Listen on the supplied address, and receive messages from who connects.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to receive; 0 receives indefinitely")
    var messages = 100

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
    }

    func run() throws {
        try Container(Recv(address, messages)).run(stoppingOn: .interrupt, .terminate)
    }
}
