// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// What becomes of an `AMQPConnection`.
public enum AMQPConnectionEvent: Sendable {
    /// The peer has opened the connection: for the first time, or again after it was lost.
    case connected(AMQPURL)
    /// The connection is lost, and is being made again.
    case interrupted(ProtonError)
    /// A try to make the connection failed; there will be another.
    case tryFailed(ProtonError)
    /// The connection has ended, and is not made again: the last event. Nil where this side has closed it.
    case ended(ProtonError?)
}
