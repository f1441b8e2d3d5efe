// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// What the environment says of the broker: variables, and where files are.
package struct ToolEnvironment: Sendable {
    package var url: String?
    package var context: String?
    package var password: String?
    /// Where contexts are kept; nil where there is no home.
    package var contextFile: String?
    /// The file connect.json that is used; none for nil.
    package var connectFile: @Sendable () -> String?

    package init(
        url: String? = nil, context: String? = nil, password: String? = nil, contextFile: String? = nil,
        connectFile: @escaping @Sendable () -> String? = { nil }
    ) {
        (self.url, self.context, self.password) = (url, context, password)
        (self.contextFile, self.connectFile) = (contextFile, connectFile)
    }

    /// That of this process.
    package static var current: ToolEnvironment {
        ToolEnvironment(
            url: variable("AMQP_URL"), context: variable("AMQP_CONTEXT"), password: variable("AMQP_PASSWORD"),
            contextFile: contextFile(configuration: variable("XDG_CONFIG_HOME"), home: variable("HOME"))
        ) { try? ConnectFile.find() }
    }

    /// That of the second broker of a command.
    package static var currentTarget: ToolEnvironment {
        var environment = current
        environment.password = variable("AMQP_TO_PASSWORD")
        return environment
    }

    /// Where the XDG Base Directory Specification has the file: a path that is not absolute counts as none.
    static func contextFile(configuration: String?, home: String?) -> String? {
        if let configuration, configuration.hasPrefix("/") { return "\(configuration)/amqp/contexts" }
        return home.flatMap { $0.isEmpty ? nil : "\($0)/.config/amqp/contexts" }
    }

    /// The contexts that there are.
    /// - Throws: `ToolError` where their file cannot be read.
    package func contexts() throws -> Contexts {
        guard let contextFile else { return Contexts() }
        return try ContextStore(path: contextFile).read()
    }

    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
