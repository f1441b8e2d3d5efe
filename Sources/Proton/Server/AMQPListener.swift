import ProtonEngine

/// A socket that peers connect to: a sequence of their connections, each of which waits for a decision; from any task.
///
/// The sequence ends when the listener is closed, or the task is cancelled. Several tasks may iterate: each request goes to one of
/// them. A listener that nobody keeps is closed.
public final class AMQPListener: AsyncSequence, Sendable {
    private let listener: Listener
    private let requests: RequestQueue<AMQPConnectionRequest>

    init(_ listener: Listener, _ requests: RequestQueue<AMQPConnectionRequest>) {
        (self.listener, self.requests) = (listener, requests)
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
