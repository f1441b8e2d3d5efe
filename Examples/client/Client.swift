// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends requests one by one, has them answered to a dynamic node, and prints the responses.
final class Client: MessagingHandler {
    let url: String
    var requests: [String]
    var sender: Sender?
    var receiver: Receiver?
    var isWaiting = false

    /// Where responses are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ requests: [String]) {
        self.url = url
        self.requests = requests
    }

    func onStart(_ event: ContainerEvent) throws {
        let sender = try event.container.createSender(url)
        self.sender = sender
        receiver = try event.container.createReceiver(sender.connection, isDynamic: true)
    }

    /// Sends the next request, once there is credit for it and an address for the response.
    func nextRequest() throws {
        guard let sender, sender.credit > 0, let replyTo = receiver?.remoteSource.address, !isWaiting else { return }
        try sender.send(Message(body: requests[0], replyTo: replyTo))
        isWaiting = true
    }

    func onLinkOpened(_ event: LinkEvent) throws {
        if event.receiver === receiver { try nextRequest() }
    }

    func onSendable(_ event: SenderEvent) throws {
        try nextRequest()
    }

    func onRejected(_ event: DeliveryEvent) throws { try fail(event) }
    func onReleased(_ event: DeliveryEvent) throws { try fail(event) }

    /// Ends the program: the request was not taken, and would not be the next time either.
    private func fail(_ event: DeliveryEvent) throws {
        if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
    }

    func onMessage(_ event: MessageEvent) throws {
        print("\(requests.removeFirst()) => \(event.message.body)")
        isWaiting = requests.isEmpty
        if requests.isEmpty {
            event.connection.close()
        } else {
            try nextRequest()
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client", abstract: "Send requests to the supplied address and print responses.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Argument(help: "what to send; four lines of a poem where nothing is given")
    var requests = [
        "Twas brillig, and the slithy toves", "Did gire and gymble in the wabe.",
        "All mimsy were the borogroves,", "And the mome raths outgrabe.",
    ]

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(Client(address, requests), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
