// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Ends the program where the peer closes what this side has not closed: the message will not come then.
final class PeerCloses: ProtonHandler {
    func onLinkRemoteClose(_ event: LinkEvent) throws {
        if event.link.isLocalOpen, event.connection.isLocalOpen { throw event.error }
    }

    func onLinkRemoteDetach(_ event: LinkEvent) throws {
        if event.link.isLocalOpen, event.connection.isLocalOpen { throw event.error }
    }

    func onSessionRemoteClose(_ event: SessionEvent) throws {
        if event.session.isLocalOpen, event.connection.isLocalOpen { throw event.error }
    }

    func onConnectionRemoteClose(_ event: ConnectionEvent) throws {
        if event.connection.isLocalOpen { throw event.error }
    }
}

/// Prints the message that comes, and closes the connection.
final class HelloWorldReceiver: ProtonHandler {
    // What a MessagingHandler does by itself: credit for one message.
    let handlers: [any ProtonHandler] = [FlowController(1), PeerCloses()]

    func onDelivery(_ event: DeliveryEvent) throws {
        guard case .complete = event.delivery.arrival() else { return }
        print(try Message(decoding: event.delivery.takeBytes()).body)
        event.delivery.settle(.accepted)
        event.connection.close()
    }
}

/// Sends a message as soon as the receiver lets it.
final class HelloWorldSender: ProtonHandler {
    let handlers: [any ProtonHandler] = [PeerCloses()]

    func onLinkFlow(_ event: LinkEvent) throws {
        guard let sender = event.sender, sender.credit > 0 else { return }
        try sender.send(Message(body: "Hello World!"))
        sender.close()
    }
}

/// Connects, then receives, then sends: each step when the peer has answered the one before.
final class HelloWorld: ProtonHandler {
    let server: String
    let address: String
    /// Opens and closes what the peer opens and closes, after it was looked at.
    let handlers: [any ProtonHandler] = [PeerCloses(), Handshaker()]

    init(_ server: String, _ address: String) {
        self.server = server
        self.address = address
    }

    func onReactorInit(_ event: ContainerEvent) throws {
        try event.container.connect(server)
    }

    func onConnectionRemoteOpen(_ event: ConnectionEvent) throws {
        try event.container.createReceiver(event.connection, address, handler: HelloWorldReceiver())
        // The receiver's own handler is told of its link: this one of its session, which opens before it.
        try event.container.createSender(event.connection, address, handler: HelloWorldSender())
    }

    func onTransportError(_ event: TransportEvent) throws {
        if let error = event.error { throw error }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helloworld_events", abstract: "Send a message to a broker and receive it, by the engine's events."
    )

    @Argument(help: "broker to connect to")
    var server = "localhost:5672"

    @Argument(help: "address to which the message is sent")
    var address = "examples"

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(HelloWorld(server, address), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
