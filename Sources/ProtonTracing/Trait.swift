// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !Tracing

/// Spans for swift-distributed-tracing: with the package trait `Tracing`.
@available(
    *, unavailable, message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"Tracing\"])"
)
public enum AMQPTracing {}

#endif
