// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends messages in transactions, so many in each.
final class TxSend: TransactionalClientHandler {
    let url: AMQPURL
    let total: Int
    let batchSize: Int
    var currentBatch = 0
    var committed = 0
    var container: Container?
    var connection: Connection?
    var sender: Sender?
    var transaction: Transaction?

    /// Where messages are not committed, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ url: AMQPURL, _ messages: Int, _ batchSize: Int) {
        self.url = url
        total = messages
        self.batchSize = batchSize
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(url)
        sender = try event.container.createSender(connection, url.path)
        try event.container.declareTransaction(connection, handler: self)
    }

    func onTransactionDeclared(_ event: TransactionEvent) throws {
        transaction = event.transaction
        try send()
    }

    func onSendable(_ event: SenderEvent) throws {
        try send()
    }

    func send() throws {
        while let transaction, let sender, sender.credit > 0, committed + currentBatch < total {
            let number = committed + currentBatch + 1
            try transaction.send(sender, Message(id: MessageID(number), body: ["sequence": number]))
            currentBatch += 1
            if currentBatch == batchSize || committed + currentBatch == total {
                try transaction.commit()
                self.transaction = nil
            }
        }
    }

    func onTransactionCommitted(_ event: TransactionEvent) throws {
        committed += currentBatch
        if committed == total {
            print("all messages committed")
            event.connection.close()
        } else {
            currentBatch = 0
            try event.container.declareTransaction(event.connection, handler: self)
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tx_send", abstract: "Send messages transactionally to the supplied address.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to send")
    var messages = 100

    @Option(name: .shortAndLong, help: "number of messages in each transaction")
    var batchSize = 10

    func validate() throws {
        guard messages > 0 else { throw ValidationError("--messages: give a number above 0.") }
        guard batchSize > 0 else { throw ValidationError("--batch-size: give a number above 0.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(TxSend(AMQPURL(address), messages, batchSize), options: options)
            .run(stoppingOn: .interrupt, .terminate)
    }
}
