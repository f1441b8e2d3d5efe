// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !ServiceLifecycle

/// A connection of a client as a service: with the package trait `ServiceLifecycle`.
@available(
    *, unavailable,
    message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"ServiceLifecycle\"])"
)
public enum AMQPService {}

/// A server as a service: with the package trait `ServiceLifecycle`.
@available(
    *, unavailable,
    message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"ServiceLifecycle\"])"
)
public enum AMQPServerService {}

#endif
