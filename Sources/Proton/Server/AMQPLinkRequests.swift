// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The links that a connection's peer wants to attach: `AMQPConnection.linkRequests`.
///
/// The sequence ends with the connection, or when the task is cancelled. It keeps the connection open.
public struct AMQPLinkRequests: AsyncSequence, Sendable {
    let connection: AMQPConnection
    let links: RequestQueue<IncomingLink>?

    /// The requests, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let connection: AMQPConnection
        fileprivate let links: RequestQueue<IncomingLink>?

        /// The next link that the peer wants to attach; nil once the connection has ended, or the task is cancelled.
        public mutating func next() async -> AMQPLinkRequest? {
            guard let link = await links?.next() else { return nil }
            return link.peerSends
                ? .sender(AMQPSenderRequest(link: link, connection: connection))
                : .receiver(AMQPReceiverRequest(link: link, connection: connection))
        }
    }

    /// Begins with the next link that the peer attaches.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(connection: connection, links: links)
    }
}

extension AMQPConnection {
    /// The links that the peer attaches, each of which waits for a decision.
    ///
    /// Of a connection that this side has made there are none, unless `AMQPClient.takesLinks` says so. Several tasks may iterate:
    /// each request goes to one of them. Up to 1,000 wait; more are refused.
    public var linkRequests: AMQPLinkRequests {
        AMQPLinkRequests(connection: self, links: core.linkRequests)
    }
}
