// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if !Configuration

public import Logging
public import Proton

extension AMQPClient {
    /// A client by a `ConfigReader`: with the package trait `Configuration`.
    @available(
        *, unavailable,
        message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"Configuration\"])"
    )
    public init(
        config: some Any, defaults: ConnectionOptions = ConnectionOptions(), logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init([])
    }
}

extension ConnectionOptions {
    /// Options by a `ConfigReader`: with the package trait `Configuration`.
    @available(
        *, unavailable,
        message: "depend on swift-qpid-proton with the trait for it: .package(…, traits: [\"Configuration\"])"
    )
    public init(config: some Any, defaults: ConnectionOptions = ConnectionOptions()) throws {
        self = defaults
    }
}

#endif
