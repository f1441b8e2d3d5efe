// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// A socket that peers connect to: a sequence of their connections, for the program to accept or refuse; from any task.
///
/// The sequence ends when the listener is closed, or the task is cancelled. Several tasks may iterate: each request goes to one
/// of them. A listener that is deinitialized is closed.
public final class AMQPListener: AsyncSequence, Sendable {
    private let listener: Listener
    private let requests: RequestQueue<AMQPConnectionRequest>
    private let accepted: AcceptedConnections

    init(_ listener: Listener, _ requests: RequestQueue<AMQPConnectionRequest>, _ accepted: AcceptedConnections) {
        (self.listener, self.requests, self.accepted) = (listener, requests, accepted)
    }

    deinit { close() }

    /// The addresses that it listens on, such as `127.0.0.1:5672`; empty when the listener is closed.
    public var addresses: [String] { listener.addresses }

    /// The port that it listens on, also if port 0 was requested; nil when the listener is closed.
    public var port: Int? { listener.port }

    /// Stops listening. Connections that were accepted stay open, and those that wait for a decision are refused.
    public func close() {
        listener.close()
        requests.finish()
    }

    /// Stops listening, and finishes the receivers of all accepted connections: the first step of a graceful shutdown.
    ///
    /// Receivers finish as with `AMQPConnection.finishReceiving`.
    ///
    ///     let work = Task { await listener.serve("upper") { request in answer(request) } }
    ///     stopWhenAsked { listener.finishReceiving() }
    ///     await work.value
    ///
    /// `serve` answers the requests that have arrived, waits until the peers have settled the responses, for at most
    /// `ConnectionLimits.closeTimeout`, closes its connections and returns. Loops over the listener and over the `linkRequests`
    /// of its connections end at once, and loops over receivers when the messages that have arrived are handed out. Links that
    /// peers attach later are refused. This call returns at once, and cannot be undone.
    public func finishReceiving() {
        close()
        accepted.finishReceiving()
    }

    /// Whether the connections are being shut down gracefully.
    var isFinishing: Bool { accepted.isFinishing }

    /// The requests, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        /// Keeps the listener open while it is iterated.
        private let listener: AMQPListener

        init(_ listener: AMQPListener) { self.listener = listener }

        /// The next connection request; nil when the listener is closed, or the task is cancelled.
        public mutating func next() async -> AMQPConnectionRequest? { await listener.requests.next() }
    }

    /// Creates an iterator that begins with the next connection.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
