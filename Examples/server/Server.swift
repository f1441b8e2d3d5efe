// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Answers requests over a sender without an address: the broker relays each response to where its address says.
final class Server: MessagingHandler {
    let url: AMQPURL
    var responses: Sender?
    var waiting: [Message] = []

    /// Where the peer closes there is nothing to wait for: an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: AMQPURL) {
        self.url = url
    }

    func onStart(_ event: ContainerEvent) throws {
        print("Listening on", url)
        let connection = try event.container.connect(url)
        try event.container.createReceiver(connection, url.path)
        responses = try event.container.createSender(connection, nil)
    }

    func onMessage(_ event: MessageEvent) throws {
        print("Received", event.message)
        let body = event.message.body.value.stringValue ?? ""
        waiting.append(
            Message(
                body: body.uppercased(), address: event.message.replyTo,
                correlationID: event.message.correlationID))
        try respond()
    }

    func onSendable(_ event: SenderEvent) throws {
        try respond()
    }

    func respond() throws {
        while let responses, responses.credit > 0, !waiting.isEmpty { try responses.send(waiting.removeFirst()) }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Answer requests with their text in upper case.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        try Container(Server(AMQPURL(address)), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
