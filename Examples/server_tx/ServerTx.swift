// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Answers a request and accepts it in one transaction.
final class TxRequest: TransactionHandler {
    let response: Message
    let sender: Sender
    let request: Delivery

    init(_ response: Message, _ sender: Sender, _ request: Delivery) {
        self.response = response
        self.sender = sender
        self.request = request
    }

    func onTransactionDeclared(_ event: TransactionEvent) throws {
        try event.transaction.send(sender, response)
        try event.transaction.accept(request)
        try event.transaction.commit()
    }

    func onTransactionCommitted(_ event: TransactionEvent) {
        print("Request processed successfully")
    }

    func onTransactionAborted(_ event: TransactionEvent) {
        print("Request processing aborted")
    }
}

/// Answers each request with its text in capitals.
final class TxServer: MessagingHandler {
    let server: String
    let address: String
    var senders: [String: Sender] = [:]
    var relay: Sender?

    /// Where the peer closes there is nothing to wait for: an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ server: String, _ address: String) {
        self.server = server
        self.address = address
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(server)
        try event.container.createReceiver(connection, address)
    }

    func onConnectionOpened(_ event: ConnectionEvent) throws {
        if event.connection.remoteOfferedCapabilities.contains("ANONYMOUS-RELAY") {
            relay = try event.container.createSender(event.connection, nil)
        }
    }

    func onLinkError(_ event: LinkEvent) throws {
        // A client that goes takes its node for responses with it.
        if let address = event.sender?.target.address, senders.removeValue(forKey: address) != nil { return }
        throw event.error
    }

    func onMessage(_ event: MessageEvent) throws {
        let request = event.message
        guard let replyTo = request.replyTo else { throw Delivery.Reject(Condition(.notAllowed, "no reply-to")) }
        let response = Message(
            body: "\(request.body)".uppercased(), address: replyTo,
            correlationID: request.correlationID)
        let sender = try relay ?? senders[replyTo] ?? event.container.createSender(event.connection, replyTo)
        if relay == nil { senders[replyTo] = sender }
        try event.container.declareTransaction(
            event.connection, handler: TxRequest(response, sender, event.delivery))
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server_tx", abstract: "Answer requests, each in a transaction.")

    @Argument(help: "where the broker is")
    var server = "localhost:5672"

    @Argument(help: "the queue of requests")
    var address = "examples"

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(TxServer(server, address), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
