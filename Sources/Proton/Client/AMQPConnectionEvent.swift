// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A change of an `AMQPConnection`.
public enum AMQPConnectionEvent: Sendable {
    /// The peer has opened the connection: for the first time, or again after it was lost.
    case connected(AMQPURL)
    /// The connection was lost, and is being made again.
    case interrupted(ProtonError)
    /// An attempt to connect failed; another follows.
    case tryFailed(ProtonError)
    /// The connection has ended, and is not made again: the last event. Nil if this side closed it.
    case ended(ProtonError?)
}
