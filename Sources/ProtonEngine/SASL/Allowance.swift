// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The peers for which an option applies that is dangerous on a network.
///
/// A Boolean literal means `.everywhere` or `.never`.
public enum Allowance: Sendable, Hashable, ExpressibleByBooleanLiteral {
    /// For no peers.
    case never
    /// For peers on the same machine: with addresses in 127.0.0.0/8, or ::1.
    case onLoopback
    /// For all peers.
    case everywhere

    /// `.everywhere` for true, `.never` for false.
    public init(_ isAllowed: Bool) { self = isAllowed ? .everywhere : .never }

    /// `.everywhere` for true, `.never` for false.
    public init(booleanLiteral isAllowed: Bool) { self.init(isAllowed) }

    /// Whether the option applies for a peer.
    /// - Parameter isLoopback: whether the peer is on the same machine.
    public func includes(isLoopback: Bool) -> Bool {
        switch self {
        case .never: false
        case .onLoopback: isLoopback
        case .everywhere: true
        }
    }
}
