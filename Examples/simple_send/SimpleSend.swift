// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends messages, and ends when the peer has accepted all of them.
final class Send: MessagingHandler {
    let url: String
    let total: Int
    var sent = 0
    var confirmed = 0

    /// Where messages are not confirmed, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ messages: Int) {
        self.url = url
        total = messages
    }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.createSender(url)
    }

    func onSendable(_ event: SenderEvent) throws {
        while event.sender.credit > 0, sent < total {
            let message = Message(id: MessageID(sent + 1), body: ["sequence": sent + 1])
            try event.sender.send(message)
            sent += 1
        }
    }

    func onAccepted(_ event: DeliveryEvent) {
        confirmed += 1
        if confirmed == total {
            print("all messages confirmed")
            event.link.close()
            event.connection.close()
        }
    }

    func onRejected(_ event: DeliveryEvent) throws { try fail(event) }
    func onReleased(_ event: DeliveryEvent) throws { try fail(event) }

    /// Ends the program: a message was not taken, and would not be the next time either.
    private func fail(_ event: DeliveryEvent) throws {
        if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
    }

    func onSettled(_ event: DeliveryEvent) throws {
        guard event.delivery.remoteState == nil else { return }
        throw ProtonError(.inDoubt, "The peer settled a message without an outcome: what became of it is in doubt.")
    }

    func onDisconnected(_ event: TransportEvent) {
        sent = confirmed
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simple_send", abstract: "Send messages to the supplied address.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to send")
    var messages = 100

    func validate() throws {
        guard messages > 0 else { throw ValidationError("--messages: give a number above 0.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        try Container(Send(address, messages), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
