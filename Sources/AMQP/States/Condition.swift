// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What went wrong, as peers tell one another: the `error` of AMQP (Transport, section 2.8.14).
///
/// A string literal makes one from a name alone; the names of the specification are constants: `Condition(.notFound, "no such queue")`.
public struct Condition: Sendable, Hashable {
    /// What kind of problem it is, for programs.
    public var name: Symbol

    /// What happened, for people.
    public var description: String?

    /// More about it, for programs.
    public var info: AMQPMap

    /// A condition with what is known about it.
    public init(_ name: Symbol, _ description: String? = nil, info: AMQPMap = AMQPMap()) {
        self.name = name
        self.description = description
        self.info = info
    }
}

extension Condition: ExpressibleByStringLiteral {
    /// A string literal is the name.
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
    /// Something inside the peer failed.
    public static let internalError: Symbol = "amqp:internal-error"
    /// There is no node of that address.
    public static let notFound: Symbol = "amqp:not-found"
    /// The user may not do that.
    public static let unauthorizedAccess: Symbol = "amqp:unauthorized-access"
    /// Bytes could not be decoded.
    public static let decodeError: Symbol = "amqp:decode-error"
    /// The peer has no more room for that.
    public static let resourceLimitExceeded: Symbol = "amqp:resource-limit-exceeded"
    /// That is not allowed in this state or here.
    public static let notAllowed: Symbol = "amqp:not-allowed"
    /// A field has a value that is not allowed.
    public static let invalidField: Symbol = "amqp:invalid-field"
    /// The peer does not know how to do that.
    public static let notImplemented: Symbol = "amqp:not-implemented"
    /// Somebody else holds the node exclusively.
    public static let resourceLocked: Symbol = "amqp:resource-locked"
    /// Something that must hold first does not.
    public static let preconditionFailed: Symbol = "amqp:precondition-failed"
    /// The node was deleted.
    public static let resourceDeleted: Symbol = "amqp:resource-deleted"
    /// That frame is not allowed in this state.
    public static let illegalState: Symbol = "amqp:illegal-state"
    /// A frame would not fit in the largest size that the peer takes.
    public static let frameSizeTooSmall: Symbol = "amqp:frame-size-too-small"
    /// An operator closed the connection.
    public static let connectionForced: Symbol = "amqp:connection:forced"
    /// Bytes are no frame.
    public static let framingError: Symbol = "amqp:connection:framing-error"
    /// The container has moved.
    public static let connectionRedirect: Symbol = "amqp:connection:redirect"
    /// More was sent than the session's window allows.
    public static let windowViolation: Symbol = "amqp:session:window-violation"
    /// Input came for a link that was detached.
    public static let errantLink: Symbol = "amqp:session:errant-link"
    /// The handle of a new link is that of another.
    public static let handleInUse: Symbol = "amqp:session:handle-in-use"
    /// A frame came for a handle without a link.
    public static let unattachedHandle: Symbol = "amqp:session:unattached-handle"
    /// An operator detached the link.
    public static let linkDetachForced: Symbol = "amqp:link:detach-forced"
    /// More was sent than the credit allows.
    public static let transferLimitExceeded: Symbol = "amqp:link:transfer-limit-exceeded"
    /// A message was larger than the link takes.
    public static let messageSizeExceeded: Symbol = "amqp:link:message-size-exceeded"
    /// The node has moved.
    public static let linkRedirect: Symbol = "amqp:link:redirect"
    /// Another connection attached the link.
    public static let linkStolen: Symbol = "amqp:link:stolen"
}
