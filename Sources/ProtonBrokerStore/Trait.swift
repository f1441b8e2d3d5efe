// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !DurableBroker

public import Logging

// It has the initializer that it has with the trait: else the compiler would find fault with the arguments instead.

/// The broker's store of durable messages: with the package trait `DurableBroker`.
@available(
    *, unavailable,
    message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"DurableBroker\"])"
)
public struct SQLiteStore {
    /// The same, unavailable too.
    public init(
        _ path: String, maxBytes: Int? = nil, logger: Logger = Logger(label: "proton.broker.store")
    ) throws {}
}

#endif
