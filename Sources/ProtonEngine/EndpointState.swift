// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// The states of the two sides of a connection, session or link (AMQP 1.0, 2.4.6; `pn_state_t`).
public struct EndpointState: Sendable, Hashable, CustomStringConvertible {
    /// The state of one side.
    public enum Side: Sendable, Hashable {
        /// It has not opened the endpoint.
        case uninitialized
        /// It has opened the endpoint, and not closed it.
        case active
        /// It has closed the endpoint.
        case closed
    }

    /// The state of this side.
    public var local: Side
    /// The state of the peer's side.
    public var remote: Side

    /// Creates a state from the states of the two sides.
    public init(local: Side, remote: Side) {
        self.local = local
        self.remote = remote
    }

    /// Reads proton's bits.
    init(_ bits: pn_state_t) {
        local = bits & PN_LOCAL_ACTIVE != 0 ? .active : bits & PN_LOCAL_UNINIT != 0 ? .uninitialized : .closed
        remote = bits & PN_REMOTE_ACTIVE != 0 ? .active : bits & PN_REMOTE_UNINIT != 0 ? .uninitialized : .closed
    }

    /// Both sides are open.
    public static let active = EndpointState(local: .active, remote: .active)
    /// Both sides are closed; also the state of an endpoint whose connection has ended.
    public static let closed = EndpointState(local: .closed, remote: .closed)

    /// The states with the names of the sides, such as `local active, remote uninitialized`.
    public var description: String { "local \(local), remote \(remote)" }
}

/// The common interface of connections, sessions and links: their states, conditions, and closing.
public protocol Endpoint: AnyObject {
    /// The states of the two sides.
    var state: EndpointState { get }
    /// The error condition that this side closed the endpoint with.
    var condition: Condition? { get }
    /// The error condition that the peer closed the endpoint with.
    var remoteCondition: Condition? { get }
    /// The connection that the endpoint belongs to; for a connection, the connection itself.
    var connection: Connection { get }
    /// Opens this side.
    func open()
    /// Closes this side, with an optional error condition.
    func close(_ condition: Condition?)
}

extension Endpoint {
    /// Closes this side without an error condition.
    public func close() {
        close(nil)
    }

    /// Whether this side is open.
    public var isLocalOpen: Bool { state.local == .active }
    /// Whether this side has not been opened.
    public var isLocalUninitialized: Bool { state.local == .uninitialized }
    /// Whether this side is closed.
    public var isLocalClosed: Bool { state.local == .closed }
    /// Whether the peer's side is open.
    public var isRemoteOpen: Bool { state.remote == .active }
    /// Whether the peer's side is closed.
    public var isRemoteClosed: Bool { state.remote == .closed }
}
