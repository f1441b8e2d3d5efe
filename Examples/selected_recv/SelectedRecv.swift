// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Receives the green ones of the messages that `colour_send` sends.
final class Recv: MessagingHandler {
    let url: AMQPURL
    let expected: Int
    var received = 0

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: AMQPURL, _ count: Int) {
        self.url = url
        expected = count
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(url)
        try event.container.createReceiver(connection, url.path, options: .selector("colour = 'green'"))
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message.body)
        received += 1
        if received == expected {
            event.receiver.close()
            event.connection.close()
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selected_recv", abstract: "Receive the green messages from the supplied address.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to receive; 0 receives indefinitely")
    var messages = 0

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        try Container(Recv(AMQPURL(address), messages), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
