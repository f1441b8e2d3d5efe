public import AMQP

/// How far the two sides of a connection, session or link have come (AMQP 1.0, 2.4.6; `pn_state_t`).
public struct EndpointState: OptionSet, Sendable, CustomStringConvertible {
    /// The bits, as proton numbers them.
    public let rawValue: Int32

    /// Creates a state from proton's bits.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// This side has not opened the endpoint.
    public static let localUninitialized = EndpointState(rawValue: 1)
    /// This side has opened the endpoint.
    public static let localActive = EndpointState(rawValue: 2)
    /// This side has closed the endpoint.
    public static let localClosed = EndpointState(rawValue: 4)
    /// The peer has not opened the endpoint.
    public static let remoteUninitialized = EndpointState(rawValue: 8)
    /// The peer has opened the endpoint.
    public static let remoteActive = EndpointState(rawValue: 16)
    /// The peer has closed the endpoint.
    public static let remoteClosed = EndpointState(rawValue: 32)

    /// Both sides are open.
    public static let active: EndpointState = [.localActive, .remoteActive]
    /// Both sides are closed; the state of an endpoint whose connection is over.
    public static let closed: EndpointState = [.localClosed, .remoteClosed]

    /// The names of the bits that are set, such as `localActive|remoteUninitialized`.
    public var description: String {
        let names: [(EndpointState, String)] = [
            (.localUninitialized, "localUninitialized"), (.localActive, "localActive"), (.localClosed, "localClosed"),
            (.remoteUninitialized, "remoteUninitialized"), (.remoteActive, "remoteActive"),
            (.remoteClosed, "remoteClosed"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: "|")
    }
}

/// What connections, sessions and links have in common: two states, two conditions, and the closing of each.
public protocol Endpoint: AnyObject {
    /// How far the two sides have come.
    var state: EndpointState { get }
    /// The error condition that this side closed the endpoint with.
    var condition: Condition? { get }
    /// The error condition that the peer closed the endpoint with.
    var remoteCondition: Condition? { get }
    /// The connection that the endpoint belongs to; a connection's is itself.
    var connection: Connection { get }
    /// Opens this side.
    func open()
    /// Closes this side, with an error condition where one is given.
    func close(_ condition: Condition?)
}

extension Endpoint {
    /// Closes this side without an error condition.
    public func close() {
        close(nil)
    }

    /// Whether this side is open.
    public var isLocalOpen: Bool { state.contains(.localActive) }
    /// Whether this side has not been opened.
    public var isLocalUninitialized: Bool { state.contains(.localUninitialized) }
    /// Whether this side is closed.
    public var isLocalClosed: Bool { state.contains(.localClosed) }
    /// Whether the peer's side is open.
    public var isRemoteOpen: Bool { state.contains(.remoteActive) }
    /// Whether the peer's side is closed.
    public var isRemoteClosed: Bool { state.contains(.remoteClosed) }
}
