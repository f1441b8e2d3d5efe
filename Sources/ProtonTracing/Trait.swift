// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !Tracing

public import Proton

// It has the protocol and the initializer that it has with the trait: else the compiler would find fault with its use instead.

/// Spans for swift-distributed-tracing: with the package trait `Tracing`.
@available(
    *, unavailable, message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"Tracing\"])"
)
public struct AMQPTracing: AMQPInstrument {
    /// The same, unavailable too.
    public init(tracer: Any? = nil, annotations: Any? = nil, system: String = "") {}
}

#endif
