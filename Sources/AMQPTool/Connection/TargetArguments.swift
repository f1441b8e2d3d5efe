// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Proton

/// The options of commands with a second broker, which messages go to.
package struct TargetArguments: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("The broker of TO, where it is another one.", valueName: "url"))
    package var toURL: String?

    @Option(
        help: ArgumentHelp("The context of the broker of TO, where it is another one.", valueName: "name"),
        completion: .custom { _, _, _ in ContextStore.namesForCompletion() })
    package var toContext: String?

    @Option(
        help: ArgumentHelp(
            "The user to log in as there; the password is that of --to-password-file, or of AMQP_TO_PASSWORD.",
            valueName: "name"))
    package var toUser: String?

    @Option(
        help: ArgumentHelp("A file whose first line is the password.", valueName: "file"), completion: .file())
    package var toPasswordFile: String?

    package init() {}

    package func validate() throws {
        if toURL != nil, toContext != nil {
            throw ValidationError("--to-url or --to-context: a context has a URL of its own.")
        }
        if toURL == nil, toContext == nil, toUser != nil || toPasswordFile != nil {
            throw ValidationError("--to-user and --to-password-file are for another broker: give --to-url too.")
        }
    }

    /// The second broker; nil where there is one only.
    /// - Throws: `ToolError`, `ValidationError`.
    package func resolve(_ environment: ToolEnvironment = .currentTarget) throws -> BrokerSettings? {
        guard toURL != nil || toContext != nil else { return nil }
        var settings = try BrokerSettings.choose(url: toURL, context: toContext, environment, option: "--to-url")
        if let toUser {
            settings.url.user = toUser
            settings.url.password = nil
        }
        if let toPasswordFile { settings.password = .file(toPasswordFile) }
        return settings
    }
}
