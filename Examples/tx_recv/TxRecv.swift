// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Receives messages in transactions, so many in each.
final class TxRecv: TransactionalClientHandler {
    let url: AMQPURL
    let expected: Int
    let batchSize: Int
    var currentBatch = 0
    var committed = 0
    var receiver: Receiver?
    var transaction: Transaction?

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ url: AMQPURL, _ messages: Int, _ batchSize: Int) {
        self.url = url
        expected = messages
        self.batchSize = batchSize
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(url)
        receiver = try event.container.createReceiver(connection, url.path)
        try event.container.declareTransaction(connection, handler: self)
    }

    func onMessage(_ event: MessageEvent) throws {
        print(event.message.body)
        try transaction?.accept(event.delivery)
        currentBatch += 1
        if currentBatch == batchSize || committed + currentBatch == expected {
            try transaction?.commit()
            transaction = nil
        }
    }

    func onTransactionDeclared(_ event: TransactionEvent) throws {
        try receiver?.flow(expected == 0 ? batchSize : min(batchSize, expected - committed))
        transaction = event.transaction
    }

    func onTransactionCommitted(_ event: TransactionEvent) throws {
        committed += currentBatch
        currentBatch = 0
        if expected == 0 || committed < expected {
            try event.container.declareTransaction(event.connection, handler: self)
        } else {
            event.connection.close()
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tx_recv", abstract: "Receive messages transactionally from the supplied address.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to receive; 0 receives indefinitely")
    var messages = 100

    @Option(name: .shortAndLong, help: "number of messages in each transaction")
    var batchSize = 10

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
        guard batchSize > 0 else { throw ValidationError("--batch-size: give a number above 0.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: nil)
        try Container(TxRecv(AMQPURL(address), messages, batchSize), options: options)
            .run(stoppingOn: .interrupt, .terminate)
    }
}
