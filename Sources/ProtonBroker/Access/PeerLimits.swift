// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How many connections one host, or one user, may have at once, so that none takes those of all others.
public struct PeerLimits: Sendable, Hashable {
    /// How many a host may have: at least 1, by default 1,000; nil is any number.
    ///
    /// This machine's own are not counted. Of IPv6 the first 64 bits of an address are a host. One more is closed with
    /// `amqp:resource-limit-exceeded`, or dropped where many come.
    public var connectionsPerHost: Int?
    /// How many a user may have, from wherever: at least 1, by default 1,000; nil is any number.
    ///
    /// One more is closed with `amqp:resource-limit-exceeded`.
    public var connectionsPerUser: Int?

    /// Creates limits.
    public init(connectionsPerHost: Int? = 1_000, connectionsPerUser: Int? = 1_000) {
        self.connectionsPerHost = connectionsPerHost
        self.connectionsPerUser = connectionsPerUser
    }
}
