// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A connection, as an `AMQPInstrument` is told of it.
public struct AMQPConnectionInfo: Sendable, Hashable {
    /// Tells the connection from all others of the process; it stays when the connection is made again.
    public let id: UInt64
    /// The peer's host: of several URLs that of the last one that was reached; of a connection that a peer has made the address
    /// that it comes from.
    public let host: String
    /// The peer's port.
    public let port: Int
    /// Whether the peer has made the connection, to an `AMQPServer`.
    public let isIncoming: Bool
}

/// A link, as an `AMQPInstrument` is told of it.
public struct AMQPLinkInfo: Sendable, Hashable {
    /// Which way messages go.
    public enum Role: Sendable, Hashable {
        /// This side sends.
        case sender
        /// This side receives.
        case receiver
    }

    /// Tells the link from all others of the process.
    public let id: UInt64
    /// Which way messages go.
    public let role: Role
    /// The address that the program asked for, or the peer of a link that the peer has attached; nil for a node that is made for
    /// the link, and for a sender without an address, where each message has its own.
    public let address: String?
    /// The connection that the link is of.
    public let connection: AMQPConnectionInfo
}

/// How much is under way on a link at a moment.
public struct AMQPLinkLevels: Sendable, Hashable {
    /// How many messages may be sent, or come, without another word of the receiver's.
    public var credit: Int
    /// How many messages were sent, or have come, and are not settled.
    public var unsettled: Int
    /// How many messages wait in this process: of a sender for credit, of a receiver for the program.
    public var waiting: Int

    /// Creates levels.
    public init(credit: Int = 0, unsettled: Int = 0, waiting: Int = 0) {
        (self.credit, self.unsettled, self.waiting) = (credit, unsettled, waiting)
    }
}
