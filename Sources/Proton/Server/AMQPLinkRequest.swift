// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A link that a peer wants to attach, for the program to accept or refuse; from any task.
public enum AMQPLinkRequest: Sendable {
    /// The peer wants to send: an accepted one is an `AMQPReceiver` here.
    case sender(AMQPSenderRequest)
    /// The peer wants to receive: an accepted one is an `AMQPSender` here.
    case receiver(AMQPReceiverRequest)

    /// The peer's attach.
    public var attach: AMQPAttach {
        switch self {
        case .sender(let request): request.attach
        case .receiver(let request): request.attach
        }
    }

    /// Refuses the link with a reason (AMQP 1.0, 2.6.3).
    public func refuse(_ condition: Condition) {
        switch self {
        case .sender(let request): request.refuse(condition)
        case .receiver(let request): request.refuse(condition)
        }
    }

    /// Refuses the link, and tells the peer to attach it elsewhere (`amqp:link:redirect`, AMQP 1.0, 2.8.18).
    /// - Parameters:
    ///   - url: the new destination: its host is `network-host`, its port `port`.
    ///   - address: the address to attach the link to there.
    public func redirect(to url: AMQPURL, address: String) {
        refuse(.redirect(.linkRedirect, to: url, hostname: url.host, address: address))
    }
}

/// A peer's request to send to an address here. A request that is deinitialized without a decision is refused.
public struct AMQPSenderRequest: Sendable {
    let link: IncomingLink
    let connection: AMQPConnection

    /// The peer's attach.
    public var attach: AMQPAttach { link.attach }

    /// The address that the peer wants to send to; nil for a dynamic node, and if each message has its own address.
    public var address: String? { attach.target.address }

    /// Attaches the link.
    ///
    /// The answer has the peer's source and target. Other requested fields of the target, such as capabilities, are omitted
    /// unless `options` set them.
    /// - Parameters:
    ///   - window: as in `AMQPConnection.receiver`.
    ///   - address: the node's address; nil is the address of the peer's attach, or a generated one for a dynamic node.
    ///   - options: further settings of the answer.
    public func accept(
        window: Int = 100, address: String? = nil, options: [LinkOption] = []
    ) throws -> AMQPReceiver {
        let receiver = AMQPReceiver(connection, try link.accept(address, options), window: max(0, window))
        receiver.shared.link.open()
        return receiver
    }

    /// Attaches the link, and receives its messages in pieces; otherwise as `accept`.
    ///
    /// The window of the link's session, which the peer has begun, becomes as large as the buffer: bytes that are not taken block
    /// the peer's other links on that session.
    /// - Parameters:
    ///   - buffer: as in `AMQPConnection.streams`.
    ///   - maxMessageSize: the maximum message size, in bytes; nil, the default, sets no limit.
    ///   - address: as in `accept`.
    ///   - options: as in `accept`.
    /// - Throws: as `accept`.
    public func acceptStreams(
        buffer: Int = 262_144, maxMessageSize: Int? = nil, address: String? = nil, options: [LinkOption] = []
    ) throws -> AMQPStreamReceiver {
        // Bytes that are not taken must close a window, which the peer's session has not limited.
        let window = LinkOption { $0.session.incomingCapacity = max(buffer, Int($0.connection.limits.maxFrameSize)) }
        let answer = try link.accept(address, [.maxMessageSize(maxMessageSize), window] + options)
        let receiver = AMQPStreamReceiver(connection, answer, buffer: max(1, buffer))
        receiver.link.open()
        return receiver
    }

    /// Refuses the link with a reason.
    public func refuse(_ condition: Condition) { link.refuse(condition) }
}

/// A peer's request to receive from an address here. A request that is deinitialized without a decision is refused.
public struct AMQPReceiverRequest: Sendable {
    let link: IncomingLink
    let connection: AMQPConnection

    /// The peer's attach.
    public var attach: AMQPAttach { link.attach }

    /// The address that the peer wants to receive from; nil for a dynamic node.
    public var address: String? { attach.source.address }

    /// Attaches the link.
    ///
    /// The answer has the peer's source and target. Filters, durability, expiry and capabilities are omitted unless `options` set
    /// them: the peer relies on what the answer says (AMQP 1.0, 3.5.3).
    /// - Parameters:
    ///   - address: the node's address; nil is the address of the peer's attach, or a generated one for a dynamic node.
    ///   - bounds: as in `AMQPConnection.sender`.
    ///   - options: further settings of the answer.
    /// - Throws: `ProtonError.Code.invalidArgument` if the link was accepted or refused before.
    public func accept(
        address: String? = nil, bounds: AMQPSender.Bounds = .default, options: [LinkOption] = []
    ) throws -> AMQPSender {
        let sender = AMQPSender(connection, try link.accept(address, options), bounds)
        sender.open()
        return sender
    }

    /// Refuses the link with a reason.
    public func refuse(_ condition: Condition) { link.refuse(condition) }
}
