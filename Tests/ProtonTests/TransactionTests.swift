// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Transactions from the side of the program that makes them.
@Suite(.timeLimit(.minutes(1)))
struct TransactionTests {
    /// Sends a message in a transaction, over a link that it keeps, as the transaction does.
    private final class Transacting: TransactionalClientHandler {
        private let url: String
        private var transaction: Transaction?
        private var sender: Sender?
        private(set) weak var connection: Connection?
        private(set) var isCommitted = false

        init(_ url: String) { self.url = url }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect(url)
            sender = try event.container.createSender(connection, "queue")
            self.connection = connection
        }

        func onSendable(_ event: SenderEvent) throws {
            if transaction == nil {
                transaction = try event.container.declareTransaction(event.connection, handler: self)
            }
        }

        func onTransactionDeclared(_ event: TransactionEvent) throws {
            guard let sender else { return }
            try event.transaction.send(sender, Message(body: "one"))
            try event.transaction.commit()
        }

        func onTransactionCommitted(_ event: TransactionEvent) {
            isCommitted = true
            event.connection.close()
        }
    }

    /// What is left of a program that has run.
    private struct Left {
        weak var program: Transacting?
        weak var connection: Connection?

        init(_ program: Transacting) { (self.program, connection) = (program, program.connection) }
    }

    private static func run(_ url: String) throws -> Left {
        let program = Transacting(url)
        try Container(program, options: ConnectionOptions(reconnect: nil)).run()
        #expect(program.isCommitted)
        return Left(program)
    }

    @Test func whatIsOverIsLetGo() async throws {
        try await withBroker { broker in
            let url = broker.address
            try await onThread {
                let left = try Self.run(url)
                #expect(left.program == nil && left.connection == nil)
            }
        }
    }
}
