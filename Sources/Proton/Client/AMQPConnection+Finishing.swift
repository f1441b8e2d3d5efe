// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension AMQPConnection {
    /// Has all receivers of the connection come to their end, as `AMQPReceiver.finish` does, and those that are made later at
    /// once: the first step of an end in good order.
    ///
    ///     let work = Task { try await connection.serve("service") { request in answer(request) } }
    ///     stopWhenAsked { connection.finishReceiving() }
    ///     try await work.value
    ///
    /// It returns at once; `for` loops and `serve` end when what has come is handed out. What is in hand can still be
    /// settled, and messages and requests be sent, until the connection is closed. It cannot be taken back.
    public func finishReceiving() {
        core.finishReceiving()
    }
}

extension AMQPReceiver {
    /// Takes no more messages: the loops over the receiver end when what has come is handed out.
    ///
    /// No credit is given any more, and the peer is asked to give back what it has (AMQP 1.0, 2.6.7: drain). What comes
    /// until it has done so is handed out too; it has `ConnectionLimits.closeTimeout` for that. What comes later is released.
    /// `next`, `batches` and the loops then end as if the receiver were closed. What is in hand can be settled until the
    /// receiver is closed.
    ///
    /// It returns at once, and cannot be taken back.
    public func finish() {
        shared.link.finish()
    }
}
