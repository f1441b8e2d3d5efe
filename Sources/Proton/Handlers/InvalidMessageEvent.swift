// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import Logging
public import ProtonEngine

/// An event of bytes that came as a message and are none: no valid AMQP, or beyond `ConnectionLimits.decoding`.
public struct InvalidMessageEvent: EndpointEvent {
    /// What is wrong with them.
    public let error: CodecError
    /// The bytes as they came.
    public let bytes: [UInt8]
    /// Their delivery: what their outcome is given to.
    public let delivery: Delivery

    /// The link that they came on, a receiver.
    public var link: Link { delivery.link }
    /// The link's session.
    public var session: Session { link.session }
    /// The link's connection.
    public var connection: Connection { link.connection }

    /// What their sender is told where the handler says nothing else: `amqp:decode-error`, and what is wrong.
    public var condition: Condition { Condition(.decodeError, "The message is not valid AMQP: \(error)") }
}

extension InvalidMessageEvent {
    /// Nobody handles it: it is rejected, and a warning is logged.
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
