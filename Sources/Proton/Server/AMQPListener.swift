// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// A socket that peers connect to: a sequence of their connections, each of which waits for a decision; from any task.
///
/// The sequence ends when the listener is closed, or the task is cancelled. Several tasks may iterate: each request goes to one of
/// them. A listener that nobody keeps is closed.
public final class AMQPListener: AsyncSequence, Sendable {
    private let listener: Listener
    private let requests: RequestQueue<AMQPConnectionRequest>
    private let accepted: AcceptedConnections

    init(_ listener: Listener, _ requests: RequestQueue<AMQPConnectionRequest>, _ accepted: AcceptedConnections) {
        (self.listener, self.requests, self.accepted) = (listener, requests, accepted)
    }

    deinit { close() }

    /// The addresses that are listened on, as in `127.0.0.1:5672`; none once the listener is closed.
    public var addresses: [String] { listener.addresses }

    /// The port that is listened on, also where port 0 was asked for; nil once the listener is closed.
    public var port: Int? { listener.port }

    /// Stops listening. Connections that were accepted live on, and those that wait for a decision are refused.
    public func close() {
        listener.close()
        requests.finish()
    }

    /// Stops listening, and has all receivers of the connections that were accepted come to their end, as
    /// `AMQPConnection.finishReceiving` does: the first step of an end in good order.
    ///
    ///     let work = Task { await listener.serve("upper") { request in answer(request) } }
    ///     stopWhenAsked { listener.finishReceiving() }
    ///     await work.value
    ///
    /// `serve` answers the requests that have come, waits until the peers have taken the responses, for
    /// `ConnectionLimits.closeTimeout` at most, closes its connections and returns. Loops over the listener and over the
    /// `linkRequests` of its connections end at once, those over receivers when what has come is handed out. Links that
    /// peers attach from now on are refused. It returns at once, and cannot be taken back.
    public func finishReceiving() {
        close()
        accepted.finishReceiving()
    }

    /// Whether connections are coming to their end in good order.
    var isFinishing: Bool { accepted.isFinishing }

    /// The requests, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        /// Keeps the listener open while it is iterated.
        private let listener: AMQPListener

        init(_ listener: AMQPListener) { self.listener = listener }

        /// The next connection that asks to be served; nil once the listener is closed, or the task is cancelled.
        public mutating func next() async -> AMQPConnectionRequest? { await listener.requests.next() }
    }

    /// Begins with the next connection that comes.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
