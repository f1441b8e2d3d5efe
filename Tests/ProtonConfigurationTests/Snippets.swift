// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Configuration

import Configuration
import Proton
import ProtonConfiguration

/// The snippets of ProtonConfiguration.md, compiled.
private enum Snippets {
    static func client() throws -> AMQPClient {
        let config = ConfigReader(provider: EnvironmentVariablesProvider())
        let client = try AMQPClient(config: config.scoped(to: "amqp"))
        return client
    }
}

#endif
