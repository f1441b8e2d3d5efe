// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !DurableBroker

/// The broker's store of durable messages: with the package trait `DurableBroker`.
@available(
    *, unavailable, message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"DurableBroker\"])"
)
public enum SQLiteStore {}

#endif
