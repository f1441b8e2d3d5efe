// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// What servers have in common: they receive requests at an address, and send responses where each asks for.
class Server: MessagingHandlerBase {
    private let host: String
    private let address: String
    private var sender: Sender?
    /// What waits for credit.
    private var waiting: [Message] = []

    /// Where the peer closes there is nothing to wait for: an error, even if it gives no reason.
    override var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ host: String, _ address: String) {
        self.host = host
        self.address = address
    }

    override func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(host)
        try event.container.createReceiver(connection, address)
        sender = try event.container.createSender(connection, nil)
    }

    override func onMessage(_ event: MessageEvent) throws {
        guard let replyTo = event.message.replyTo else { throw Delivery.Reject(Condition(.notAllowed, "no reply-to")) }
        try onRequest("\(event.message.body)", replyTo)
    }

    override func onSendable(_ event: SenderEvent) throws {
        try respond()
    }

    /// Sends a response, over the link that goes wherever a message's address says.
    func send(_ response: String, to replyTo: String) throws {
        waiting.append(Message(body: response, address: replyTo))
        try respond()
    }

    private func respond() throws {
        while let sender, sender.credit > 0, !waiting.isEmpty { try sender.send(waiting.removeFirst()) }
    }

    /// A request has come: for a subclass to answer.
    func onRequest(_ request: String, _ replyTo: String) throws {}

    func run() throws {
        try Container(self, options: ConnectionOptions(reconnect: nil)).run(stoppingOn: .interrupt, .terminate)
    }
}
