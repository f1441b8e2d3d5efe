// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import Logging
public import ProtonEngine

/// An event of an invalid message: its bytes are not valid AMQP, or exceed `ConnectionLimits.decoding`.
public struct InvalidMessageEvent: EndpointEvent {
    /// The error in the bytes.
    public let error: CodecError
    /// The bytes that arrived.
    public let bytes: [UInt8]
    /// Their delivery, which is settled with an outcome.
    public let delivery: Delivery

    /// The link that they arrived on, a receiver.
    public var link: Link { delivery.link }
    /// The link's session.
    public var session: Session { link.session }
    /// The link's connection.
    public var connection: Connection { link.connection }

    /// The condition for the sender, unless the handler settles otherwise: `amqp:decode-error`, with the error.
    public var condition: Condition { Condition(.decodeError, "The message is not valid AMQP: \(error)") }
}

extension InvalidMessageEvent {
    /// Rejects the message, and logs a warning: the default.
    func rejectUnhandled() {
        connection.container.logger.warning(
            "A delivery is rejected, since it is not valid AMQP: \(error)",
            metadata: [
                "peer": "\(connection.peerDescription)", "link": "\(link.title.debugDescription)",
                "bytes": "\(bytes.count)",
            ])
        delivery.reject(condition)
    }
}

extension MessagingHandler {
    public func onInvalidMessage(_ event: InvalidMessageEvent) throws { event.rejectUnhandled() }
}
