// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Listens, sends messages to whoever asks for them, and ends when all of them are accepted.
final class Send: MessagingHandler {
    let url: String
    let total: Int
    var sent = 0
    var confirmed = 0
    var listener: Listener?

    init(_ url: String, _ messages: Int) {
        self.url = url
        total = messages
    }

    func onStart(_ event: ContainerEvent) throws {
        listener = try event.container.listen(url)
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
            event.connection.close()
            listener?.close()
        }
    }

    func onRejected(_ event: DeliveryEvent) throws {
        // Nobody would take it the next time either.
        if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
    }

    // What a receiver gives back, or leaves when it goes, is for the next one.
    func onReleased(_ event: DeliveryEvent) { sent = confirmed }
    func onConnectionClosing(_ event: ConnectionEvent) { sent = confirmed }
    func onSessionClosing(_ event: SessionEvent) { sent = confirmed }
    func onLinkClosing(_ event: LinkEvent) { sent = confirmed }
    func onLinkDetached(_ event: LinkEvent) { sent = confirmed }
    func onDisconnected(_ event: TransportEvent) { sent = confirmed }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "direct_send", abstract: "Listen on the supplied address, and send messages to who connects.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to send")
    var messages = 100

    func validate() throws {
        guard messages > 0 else { throw ValidationError("--messages: give a number above 0.") }
    }

    func run() throws {
        try Container(Send(address, messages)).run(stoppingOn: .interrupt, .terminate)
    }
}
