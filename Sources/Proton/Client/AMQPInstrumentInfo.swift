// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A connection, as an `AMQPInstrument` sees it.
public struct AMQPConnectionInfo: Sendable, Hashable {
    /// Identifies the connection in the process; it stays the same when the connection is made again.
    public let id: UInt64
    /// The peer's host: of several URLs that of the last one that was connected to; for a connection that the peer made, its
    /// address.
    public let host: String
    /// The peer's port.
    public let port: Int
    /// Whether the peer made the connection, to an `AMQPServer`.
    public let isIncoming: Bool
}

/// A link, as an `AMQPInstrument` sees it.
public struct AMQPLinkInfo: Sendable, Hashable {
    /// The direction of messages.
    public enum Role: Sendable, Hashable {
        /// This side sends.
        case sender
        /// This side receives.
        case receiver
    }

    /// Identifies the link in the process.
    public let id: UInt64
    /// The direction of messages.
    public let role: Role
    /// The address that was requested: by the program, or by the peer for a link that the peer attached.
    ///
    /// It is nil for a node that is created for the link, and for a sender without an address, where each message has its own.
    public let address: String?
    /// The connection of the link.
    public let connection: AMQPConnectionInfo
}

/// The credit and the numbers of unsettled and waiting messages of a link at one moment.
public struct AMQPLinkLevels: Sendable, Hashable {
    /// How many messages may be sent, or may arrive, before the receiver gives more credit.
    public var credit: Int
    /// How many messages were sent, or have arrived, and are not settled.
    public var unsettled: Int
    /// How many messages wait in this process: of a sender for credit, of a receiver for the program.
    public var waiting: Int

    /// Creates levels.
    public init(credit: Int = 0, unsettled: Int = 0, waiting: Int = 0) {
        (self.credit, self.unsettled, self.waiting) = (credit, unsettled, waiting)
    }
}
