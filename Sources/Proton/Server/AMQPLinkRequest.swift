// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A link that a peer wants to attach, until the program has decided about it; from any task.
public enum AMQPLinkRequest: Sendable {
    /// The peer wants to send: an accepted one is an `AMQPReceiver` here.
    case sender(AMQPSenderRequest)
    /// The peer wants to receive: an accepted one is an `AMQPSender` here.
    case receiver(AMQPReceiverRequest)

    /// What the peer says of the link.
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
    ///   - url: where: its host is `network-host`, its port `port`.
    ///   - address: the address to attach the link to there.
    public func redirect(to url: AMQPURL, address: String) {
        refuse(.redirect(.linkRedirect, to: url, hostname: url.host, address: address))
    }
}

/// A peer's wish to send to an address here. One that nobody decides about, and nobody keeps, is refused.
public struct AMQPSenderRequest: Sendable {
    let link: IncomingLink
    let connection: AMQPConnection

    /// What the peer says of the link.
    public var attach: AMQPAttach { link.attach }

    /// The address that the peer wants to send to; nil for a node that is to be made, and for each message's own address.
    public var address: String? { attach.target.address }

    /// Attaches the link.
    ///
    /// The answer has the peer's source and target: what else was asked for of the target, such as capabilities, is kept out
    /// where `options` do not set it.
    /// - Parameters:
    ///   - window: as of `AMQPConnection.receiver`.
    ///   - address: the node's address; nil is the one that the peer asks for, and for a dynamic node one that is made up.
    ///   - options: what else to say in the answer.
    /// - Throws: `ProtonError.Code.invalidArgument` where the link was decided about before.
    public func accept(
        window: Int = 100, address: String? = nil, options: [LinkOption] = []
    ) throws -> AMQPReceiver {
        let receiver = AMQPReceiver(connection, try link.accept(address, options), window: max(0, window))
        receiver.shared.link.open()
        return receiver
    }

    /// Attaches the link, and takes its messages in pieces; otherwise as `accept`.
    ///
    /// The window of the link's session, which the peer has begun, becomes as large as the buffer: what is not taken holds up
    /// the peer's other links on that session.
    /// - Parameters:
    ///   - buffer: as of `AMQPConnection.streams`.
    ///   - maxMessageSize: the largest message that is taken, in bytes; nil, the default, is no limit.
    ///   - address: as of `accept`.
    ///   - options: as of `accept`.
    /// - Throws: as `accept`.
    public func acceptStreams(
        buffer: Int = 262_144, maxMessageSize: Int? = nil, address: String? = nil, options: [LinkOption] = []
    ) throws -> AMQPStreamReceiver {
        // What is not taken has to close a window, whose size the peer has chosen no bound for.
        let window = LinkOption { $0.session.incomingCapacity = max(buffer, Int($0.connection.limits.maxFrameSize)) }
        let answer = try link.accept(address, [.maxMessageSize(maxMessageSize), window] + options)
        let receiver = AMQPStreamReceiver(connection, answer, buffer: max(1, buffer))
        receiver.link.open()
        return receiver
    }

    /// Refuses the link with a reason.
    public func refuse(_ condition: Condition) { link.refuse(condition) }
}

/// A peer's wish to receive from an address here. One that nobody decides about, and nobody keeps, is refused.
public struct AMQPReceiverRequest: Sendable {
    let link: IncomingLink
    let connection: AMQPConnection

    /// What the peer says of the link.
    public var attach: AMQPAttach { link.attach }

    /// The address that the peer wants to receive from; nil for a node that is to be made.
    public var address: String? { attach.source.address }

    /// Attaches the link.
    ///
    /// The answer has the peer's source and target; filters, what outlives the connection, and capabilities are kept out where
    /// `options` do not set them: what the answer says is what the peer relies on (AMQP 1.0, 3.5.3).
    /// - Parameters:
    ///   - address: the node's address; nil is the one that the peer asks for, and for a dynamic node one that is made up.
    ///   - bounds: as of `AMQPConnection.sender`.
    ///   - options: what else to say in the answer.
    /// - Throws: `ProtonError.Code.invalidArgument` where the link was decided about before.
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
