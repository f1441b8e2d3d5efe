// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Receives messages, and ends when as many have come as were expected.
final class Recv: MessagingHandler {
    let url: String
    let expected: Int
    var received = 0

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ count: Int) {
        self.url = url
        expected = count
    }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.createReceiver(url)
    }

    func onConnectionError(_ event: ConnectionEvent) throws {
        // Without a number, a peer that closes its connection has sent all there is.
        if expected == 0, event.connection.remoteCondition == nil { return }
        throw event.error
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
            }
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simple_recv", abstract: "Receive messages from the supplied address.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to receive; 0 receives indefinitely")
    var messages = 100

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        try Container(Recv(address, messages), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
