// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Configuration

public import Configuration
public import Logging
public import Proton

extension AMQPClient {
    /// Creates a client as a configuration says.
    ///
    /// ```swift
    /// let config = ConfigReader(provider: EnvironmentVariablesProvider())
    /// let client = try AMQPClient(config: config.scoped(to: "amqp"))
    /// ```
    ///
    /// These keys are read, and those of ``Proton/ConnectionOptions/init(config:defaults:)``. The variables of the environment
    /// are those of the reader above, whose scope is `amqp`:
    ///
    /// | key | value | variable | default |
    /// | --- | --- | --- | --- |
    /// | `url` | where to connect to: a text, or an array of texts for several peers that stand for each other; a secret | `AMQP_URL` | none: it is required |
    /// | `timeout` | how long the first opening may take, in seconds | `AMQP_TIMEOUT` | 30 |
    ///
    /// - Parameters:
    ///   - config: where the keys are looked up.
    ///   - defaults: what counts where there is no key for it.
    ///   - logger: where losses of connections go.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the key that is wrong or missing.
    public init(
        config: ConfigReader, defaults: ConnectionOptions = ConnectionOptions(),
        logger: Logger = Logger(label: "proton")
    ) throws {
        let settings = Settings(config)
        // Each by itself, so that the error of one that is wrong tells which it is.
        guard let urls = try settings.urls("url") else { throw settings.wrong("url", "is required, and is not there") }
        try self.init(urls, options: ConnectionOptions(config: config, defaults: defaults), logger: logger)
        if let timeout = try settings.seconds("timeout", in: 0.001...Settings.longest) { self.timeout = timeout }
    }
}

#endif
