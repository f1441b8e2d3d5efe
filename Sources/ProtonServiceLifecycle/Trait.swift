// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !ServiceLifecycle

public import Proton

// Each has the initializer that it has with the trait: else the compiler would find fault with the arguments instead.

/// A connection of a client as a service: with the package trait `ServiceLifecycle`.
@available(
    *, unavailable,
    message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"ServiceLifecycle\"])"
)
public struct AMQPService {
    /// The same, unavailable too.
    public init(_ client: AMQPClient, _ body: @escaping @Sendable (AMQPConnection) async throws -> Void) {}
}

/// A server as a service: with the package trait `ServiceLifecycle`.
@available(
    *, unavailable,
    message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"ServiceLifecycle\"])"
)
public struct AMQPServerService {
    /// The same, unavailable too.
    public init(_ server: AMQPServer, _ body: @escaping @Sendable (AMQPListener) async throws -> Void) {}
}

#endif
