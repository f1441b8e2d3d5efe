// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// For which peers something is allowed that a network makes dangerous.
///
/// A Boolean literal stands for `.everywhere` or `.never`.
public enum Allowance: Sendable, Hashable, ExpressibleByBooleanLiteral {
    /// For none.
    case never
    /// For peers on the same machine: those of the addresses 127.0.0.0/8 and ::1.
    case onLoopback
    /// For all.
    case everywhere

    /// `.everywhere` for true, `.never` for false.
    public init(_ isAllowed: Bool) { self = isAllowed ? .everywhere : .never }

    /// `.everywhere` for true, `.never` for false.
    public init(booleanLiteral isAllowed: Bool) { self.init(isAllowed) }

    /// Whether it is allowed for a peer.
    /// - Parameter isLoopback: whether the peer is on the same machine.
    public func includes(isLoopback: Bool) -> Bool {
        switch self {
        case .never: false
        case .onLoopback: isLoopback
        case .everywhere: true
        }
    }
}
