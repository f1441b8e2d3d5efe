// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// Messages that count together, or not at all.
    static let transactions: [Feature] = [
        Feature("transactions: send and commit", needed: [.swift]) { peer in
            try require(try bodies(peer, commits: true) == ["a", "b"], "the messages are not there after the commit")
            return ""
        },
        Feature("transactions: send and abort", needed: [.swift]) { peer in
            try require(try bodies(peer, commits: false).isEmpty, "the messages are there after the abort")
            return ""
        },
    ]

    /// The messages that are at a queue after two were sent in a transaction.
    private static func bodies(_ peer: Peer, commits: Bool) throws -> [String] {
        let queue = try peer.newQueue()
        try run(Transacting(peer, queue, commits: commits), orElse: "does not answer the coordinator's link")
        let receiver = try peer.connect().createReceiver(queue)
        var bodies: [String] = []
        while let message = try receiver.next() {
            try receiver.settleIfNeeded(.accepted)
            bodies.append(message.body.stringValue ?? "?")
        }
        return bodies
    }
}

/// Sends two messages in a transaction, and ends it.
private final class Transacting: TransactionalClientHandler {
    private let (peer, queue): (Peer, String)
    private let commits: Bool
    private var sender: Sender?
    private var transaction: Transaction?

    var options: HandlerOptions { HandlerOptions(autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ peer: Peer, _ queue: String, commits: Bool) {
        (self.peer, self.queue, self.commits) = (peer, queue, commits)
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(peer.address)
        sender = try event.container.createSender(connection, queue)
        try event.container.declareTransaction(connection, handler: self)
    }

    func onTransactionDeclared(_ event: TransactionEvent) throws {
        transaction = event.transaction
        try send()
    }

    func onSendable(_ event: SenderEvent) throws { try send() }

    private func send() throws {
        guard let transaction, let sender, sender.credit >= 2 else { return }
        self.transaction = nil
        for body in ["a", "b"] { try transaction.send(sender, Message(body: body)) }
        if commits { try transaction.commit() } else { try transaction.abort() }
    }

    func onTransactionCommitted(_ event: TransactionEvent) { event.connection.container.stop() }
    func onTransactionAborted(_ event: TransactionEvent) { event.connection.container.stop() }
}
