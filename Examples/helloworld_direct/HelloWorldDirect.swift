// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends itself a greeting over a connection to itself, without a broker.
final class HelloWorld: MessagingHandler {
    let url: String
    var listener: Listener?

    init(_ url: String) {
        self.url = url
    }

    func onStart(_ event: ContainerEvent) throws {
        listener = try event.container.listen(url)
        try event.container.createSender(url)
    }

    func onSendable(_ event: SenderEvent) throws {
        try event.sender.send(Message(body: "Hello World!"))
        event.sender.close()
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message.body)
    }

    func onAccepted(_ event: DeliveryEvent) {
        event.connection.close()
    }

    func onConnectionClosed(_ event: ConnectionEvent) {
        listener?.close()
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helloworld_direct", abstract: "Send a message to this program itself, without a broker.")

    @Argument(help: "address to listen on, and to which the message is sent")
    var url = "localhost:8888/examples"

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(HelloWorld(url), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
