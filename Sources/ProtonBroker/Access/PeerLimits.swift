// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The maximum number of connections of a host and of a user, so that none uses up all connections.
public struct PeerLimits: Sendable, Hashable {
    /// The maximum for a host: at least 1, by default 1,000; nil is no limit.
    ///
    /// Connections from this machine are not counted. For IPv6 the first 64 bits of an address are the host. Further connections
    /// are closed with `amqp:resource-limit-exceeded`, or aborted if there are many.
    public var connectionsPerHost: Int?
    /// The maximum for a user, from all hosts: at least 1, by default 1,000; nil is no limit.
    ///
    /// Further connections are closed with `amqp:resource-limit-exceeded`.
    public var connectionsPerUser: Int?

    /// Creates limits.
    public init(connectionsPerHost: Int? = 1_000, connectionsPerUser: Int? = 1_000) {
        self.connectionsPerHost = connectionsPerHost
        self.connectionsPerUser = connectionsPerUser
    }
}
