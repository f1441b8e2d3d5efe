// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends messages to itself, one at a time, and goes on with another broker when it loses one.
final class ReconnectClient: MessagingHandler {
    let urls: [String]
    let address: String
    let expected: Int
    var sender: Sender?
    var sent = 0
    var received = 0

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ urls: [String], _ address: String, _ messages: Int) {
        self.urls = urls
        self.address = address
        expected = messages
    }

    func onStart(_ event: ContainerEvent) throws {
        // Links come back with the connection: they are made once.
        let connection = try event.container.connect(urls)
        try event.container.createReceiver(connection, address)
        sender = try event.container.createSender(connection, address)
    }

    func onConnectionOpened(_ event: ConnectionEvent) {
        // The message that was on its way when the last connection was lost may be lost too.
        sent = received
        print("connected to \(event.transport?.remoteAddress ?? "")")
    }

    func onSendable(_ event: SenderEvent) throws {
        try send()
    }

    func onRejected(_ event: DeliveryEvent) throws { try fail(event) }
    func onReleased(_ event: DeliveryEvent) throws { try fail(event) }

    /// Ends the program: a message was not taken, and will not come back.
    private func fail(_ event: DeliveryEvent) throws {
        if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
    }

    func onMessage(_ event: MessageEvent) throws {
        // Ignore a duplicate message.
        if let id = event.message.id?.intValue, id <= received { return }
        print(event.message.body)
        received += 1
        if received == expected {
            event.connection.close()
        } else {
            try send()
        }
    }

    private func send() throws {
        // Only one message is on its way at a time.
        while let sender, sender.credit > 0, sent <= received, sent < expected {
            sent += 1
            try sender.send(Message(id: MessageID(sent), body: ["sequence": sent]))
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconnect_client", abstract: "Send messages to oneself over whichever broker is there.")

    @Argument(help: "where the broker is, as in amqp://127.0.0.1")
    var url: String

    @Argument(help: "the queue")
    var address: String

    @Argument(help: "number of messages")
    var messages: Int

    @Argument(help: "where other brokers are")
    var failoverURLs: [String] = []

    func validate() throws {
        guard messages > 0 else { throw ValidationError("messages: give a number above 0.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 10, maxTime: .seconds(30)))
        try Container(ReconnectClient([url] + failoverURLs, address, messages), options: options)
            .run(stoppingOn: .interrupt, .terminate)
    }
}
