// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends itself a greeting through a broker.
final class HelloWorld: MessagingHandler {
    let server: String
    let address: String

    /// Where the message has not come back, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ server: String, _ address: String) {
        self.server = server
        self.address = address
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(server)
        try event.container.createReceiver(connection, address)
        try event.container.createSender(connection, address)
    }

    func onSendable(_ event: SenderEvent) throws {
        try event.sender.send(Message(body: "Hello World!"))
        event.sender.close()
    }

    func onRejected(_ event: DeliveryEvent) throws { try fail(event) }
    func onReleased(_ event: DeliveryEvent) throws { try fail(event) }

    /// Ends the program: the message was not taken, and will not come back.
    private func fail(_ event: DeliveryEvent) throws {
        if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message.body)
        event.receiver.close()
        event.connection.close()
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helloworld", abstract: "Send a message to a broker, and receive it from there.")

    @Argument(help: "broker to connect to")
    var server = "localhost:5672"

    @Argument(help: "address to which the message is sent")
    var address = "examples"

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(HelloWorld(server, address), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
