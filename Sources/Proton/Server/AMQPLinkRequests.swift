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

        /// The next link that the peer wants to attach; nil when the connection has ended, or the task is cancelled.
        public mutating func next() async -> AMQPLinkRequest? {
            guard let link = await links?.next() else { return nil }
            return link.peerSends
                ? .sender(AMQPSenderRequest(link: link, connection: connection))
                : .receiver(AMQPReceiverRequest(link: link, connection: connection))
        }
    }

    /// Creates an iterator that begins with the next link that the peer attaches.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(connection: connection, links: links)
    }
}

extension AMQPConnection {
    /// The links that the peer attaches, for the program to accept or refuse.
    ///
    /// For a connection that this side has made there are none, unless `AMQPClient.takesLinks` is set. Several tasks may iterate:
    /// each request goes to one of them. Up to 1,000 requests wait; further ones are refused.
    public var linkRequests: AMQPLinkRequests {
        AMQPLinkRequests(connection: self, links: core.linkRequests)
    }
}
