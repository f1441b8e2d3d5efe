import ArgumentParser
import Proton
import ProtonBroker

/// Sends itself a greeting through a broker.
final class HelloWorld: MessagingHandler {
    private let server: String

    init(server: String) {
        self.server = server
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(server)
        try event.container.createReceiver(connection, "examples")
        try event.container.createSender(connection, "examples")
    }

    func onSendable(_ event: SenderEvent) throws {
        try event.sender.send(Message(body: "Hello World!"))
        event.sender.close()
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message.body)
        event.connection.close()
    }
}

@main
struct Demo: ParsableCommand {
    func run() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try Container(HelloWorld(server: broker.address)).run()
    }
}
