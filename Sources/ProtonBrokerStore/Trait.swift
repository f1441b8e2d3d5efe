// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !DurableBroker

public import Logging
public import ProtonBroker

// It has the protocol and the initializer that it has with the trait: else the compiler would find fault with its use instead.

/// The broker's store of durable messages: with the package trait `DurableBroker`.
@available(
    *, unavailable,
    message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"DurableBroker\"])"
)
public final class SQLiteStore: MessageStore {
    /// The same, unavailable too.
    public init(
        _ path: String, maxBytes: Int? = nil, logger: Logger = Logger(label: "proton.broker.store")
    ) throws {}

    public func recover(_ take: (StoredItem) throws -> Void) throws {}

    public func start(_ report: @escaping @Sendable (StoreReport) -> Void) throws {}

    public func write(_ group: [StoreChange]) -> UInt64 { 0 }

    public func close() throws {}
}

#endif
