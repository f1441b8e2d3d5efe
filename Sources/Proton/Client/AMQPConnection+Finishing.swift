// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension AMQPConnection {
    /// Finishes all receivers of the connection, as `AMQPReceiver.finish` does, and those that are created later: the first step
    /// of a graceful shutdown.
    ///
    ///     let work = Task { try await connection.serve("service") { request in answer(request) } }
    ///     stopWhenAsked { connection.finishReceiving() }
    ///     try await work.value
    ///
    /// It returns at once. `for` loops and `serve` end when the messages that have arrived are handed out. Messages that the
    /// program holds can still be settled, and messages and requests can be sent, until the connection is closed. It cannot be
    /// undone.
    public func finishReceiving() {
        core.finishReceiving()
    }
}

extension AMQPReceiver {
    /// Takes no more messages: the loops over the receiver end when the messages that have arrived are handed out.
    ///
    /// No more credit is given, and the peer is asked to use or return the credit that it has (AMQP 1.0, 2.6.7: drain). Messages
    /// that arrive until it has done so are handed out too; it has `ConnectionLimits.closeTimeout` for that. Messages that arrive
    /// later are released. `next`, `batches` and the loops then end as if the receiver were closed. Messages that were handed out
    /// can be settled until the receiver is closed.
    ///
    /// It returns at once, and cannot be undone.
    public func finish() {
        shared.link.finish()
    }
}
