// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Shows the messages of a queue, and leaves them there.
final class Recv: MessagingHandler {
    let server: String
    let address: String

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ server: String, _ address: String) {
        self.server = server
        self.address = address
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(server)
        try event.container.createReceiver(connection, address, options: .copy)
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message)
        if event.receiver.queuedCount == 0 {
            event.connection.close()
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue_browser", abstract: "Show the messages of a queue, and leave them there.")

    @Argument(help: "where the broker is")
    var server = "localhost:5672"

    @Argument(help: "the queue")
    var address = "examples"

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(Recv(server, address), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
