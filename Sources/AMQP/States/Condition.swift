// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An error condition that one peer reports to the other: the `error` type of AMQP (Transport, section 2.8.14).
///
/// A string literal makes a condition with a name only. The names in the specification are constants:
/// `Condition(.notFound, "no such queue")`.
public struct Condition: Sendable, Hashable {
    /// The kind of problem, for programs.
    public var name: Symbol

    /// A description of the problem, for people.
    public var description: String?

    /// Further information about the problem, for programs.
    public var info: AMQPMap

    /// Creates a condition from its name, its description and further information.
    public init(_ name: Symbol, _ description: String? = nil, info: AMQPMap = AMQPMap()) {
        self.name = name
        self.description = description
        self.info = info
    }
}

extension Condition: ExpressibleByStringLiteral {
    /// Creates a condition with a name only.
    public init(stringLiteral value: String) { self.init(Symbol(value)) }
}

extension Condition: CustomDebugStringConvertible {
    /// The condition as the Python binding prints it: `Condition('amqp:not-found', 'no such queue')`.
    public var debugDescription: String {
        var parts = [AMQPValue.string(name.name).debugDescription]
        if description != nil || !info.isEmpty {
            parts.append((description.map { .string($0) } ?? AMQPValue.null).debugDescription)
        }
        if !info.isEmpty { parts.append(info.description) }
        return "Condition(\(parts.joined(separator: ", ")))"
    }
}

// MARK: - Names

// The conditions that the specification names (Transport, sections 2.8.15 to 2.8.18; Transactions, section 4.5.8).
extension Symbol {
    /// An internal error occurred in the peer.
    public static let internalError: Symbol = "amqp:internal-error"
    /// There is no node with this address.
    public static let notFound: Symbol = "amqp:not-found"
    /// The user is not authorized for the operation.
    public static let unauthorizedAccess: Symbol = "amqp:unauthorized-access"
    /// Received data could not be decoded.
    public static let decodeError: Symbol = "amqp:decode-error"
    /// The peer exceeded the resources allocated to it.
    public static let resourceLimitExceeded: Symbol = "amqp:resource-limit-exceeded"
    /// The peer tried an operation that is not allowed in this state.
    public static let notAllowed: Symbol = "amqp:not-allowed"
    /// A field has a value that is not allowed.
    public static let invalidField: Symbol = "amqp:invalid-field"
    /// The peer tried an operation that this container does not implement.
    public static let notImplemented: Symbol = "amqp:not-implemented"
    /// Another client has exclusive access to the node.
    public static let resourceLocked: Symbol = "amqp:resource-locked"
    /// A precondition of the operation is not met.
    public static let preconditionFailed: Symbol = "amqp:precondition-failed"
    /// A resource that the peer uses was deleted.
    public static let resourceDeleted: Symbol = "amqp:resource-deleted"
    /// The peer sent a frame that is not allowed in the current state.
    public static let illegalState: Symbol = "amqp:illegal-state"
    /// A frame does not fit in the peer's maximum frame size.
    public static let frameSizeTooSmall: Symbol = "amqp:frame-size-too-small"
    /// An operator closed the connection.
    public static let connectionForced: Symbol = "amqp:connection:forced"
    /// Received bytes are not a valid frame.
    public static let framingError: Symbol = "amqp:connection:framing-error"
    /// The container is available at another address.
    public static let connectionRedirect: Symbol = "amqp:connection:redirect"
    /// The peer exceeded the incoming window of the session.
    public static let windowViolation: Symbol = "amqp:session:window-violation"
    /// Input arrived for a link that was detached.
    public static let errantLink: Symbol = "amqp:session:errant-link"
    /// The handle of an attach is already in use.
    public static let handleInUse: Symbol = "amqp:session:handle-in-use"
    /// A frame arrived for a handle that has no attached link.
    public static let unattachedHandle: Symbol = "amqp:session:unattached-handle"
    /// An operator detached the link.
    public static let linkDetachForced: Symbol = "amqp:link:detach-forced"
    /// The peer sent more messages than the link credit allows.
    public static let transferLimitExceeded: Symbol = "amqp:link:transfer-limit-exceeded"
    /// The peer sent a message larger than the link's maximum message size.
    public static let messageSizeExceeded: Symbol = "amqp:link:message-size-exceeded"
    /// The node is available at another address.
    public static let linkRedirect: Symbol = "amqp:link:redirect"
    /// Another connection attached the link.
    public static let linkStolen: Symbol = "amqp:link:stolen"
}
