// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Prints the message that comes.
final class HelloWorldReceiver: ProtonHandler {
    func onDelivery(_ event: DeliveryEvent) throws {
        guard event.link.isReceiver, case .complete = event.delivery.arrival() else { return }
        print(try Message(decoding: event.delivery.takeBytes()).body)
        event.delivery.settle(.accepted)
    }
}

/// Sends a message as soon as the receiver lets it, and closes the connection when that has it.
final class HelloWorldSender: ProtonHandler {
    func onLinkFlow(_ event: LinkEvent) throws {
        guard let sender = event.sender, sender.credit > 0 else { return }
        try sender.send(Message(body: "Hello World!"))
        sender.close()
    }

    func onDelivery(_ event: DeliveryEvent) {
        if event.delivery.isSettled { event.connection.close() }
    }
}

/// Listens, and connects to itself.
final class HelloWorld: ProtonHandler {
    let url: AMQPURL
    private var listener: Listener?

    init(_ url: AMQPURL) {
        self.url = url
    }

    func onReactorInit(_ event: ContainerEvent) throws {
        listener = try event.container.listen(url.description)
        try event.container.connect(url, handler: self)
    }

    func onConnectionRemoteOpen(_ event: ConnectionEvent) throws {
        guard event.connection.isLocalOpen, listener != nil else { return }
        try event.container.createSender(event.connection, url.path, handler: HelloWorldSender())
    }

    func onConnectionRemoteClose(_ event: ConnectionEvent) {
        listener?.close()
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helloworld_direct_events", abstract: "Send a message to oneself, by the engine's events.")

    @Argument(help: "address to listen on and to connect to")
    var url = "localhost:8888/examples"

    func run() throws {
        // An event loop made of the handlers that it needs: a server's rules of opening and closing, and its credit.
        let loop = try Container(
            HelloWorld(AMQPURL(url)), HelloWorldReceiver(), Handshaker(), FlowController(1),
            options: ConnectionOptions(reconnect: nil))
        try loop.run(stoppingOn: .interrupt, .terminate)
    }
}
