// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton

/// A named context: where a broker is, and how to log in there.
package struct ToolContext: Sendable, Hashable, Codable {
    package var url: String
    package var user: String?
    package var passwordFile: String?
    package var passwordCommand: String?
    package var ca: String?
    package var cert: String?
    package var key: String?
    package var insecure: Bool?
    package var virtualHost: String?
    package var prefix: String?
    package var description: String?

    package init(url: String) { self.url = url }

    /// The URL without its password.
    var shownURL: String {
        do { return try AMQPURL(url).description } catch { return "(not a URL)" }
    }

    /// What it says, without a password.
    var shown: [(String, String)] {
        let texts = [
            ("url", shownURL), ("user", user), ("password file", passwordFile), ("password command", passwordCommand),
            ("ca", ca), ("cert", cert), ("key", key), ("insecure", insecure == true ? "true" : nil),
            ("virtual host", virtualHost), ("prefix", prefix), ("description", description),
        ]
        return texts.compactMap { name, text in text.map { (name, $0) } }
    }

    /// What to connect to.
    /// - Throws: `ValidationError` where its URL is wrong.
    package func settings() throws -> BrokerSettings {
        var settings = BrokerSettings(url: try BrokerSettings.parse(url, from: "the context's URL"))
        if let user { settings.url.user = user }
        if let passwordFile {
            settings.password = .file(passwordFile)
        } else if let passwordCommand {
            settings.password = .command(passwordCommand)
        }
        (settings.ca, settings.cert, settings.key) = (ca, cert, key)
        settings.isInsecure = insecure ?? false
        (settings.virtualHost, settings.prefix) = (virtualHost, prefix)
        return settings
    }
}

/// All contexts, and which of them is selected.
package struct Contexts: Sendable, Hashable, Codable {
    package var selected: String?
    package var contexts: [String: ToolContext] = [:]

    package init() {}

    /// - Throws: `ToolError` where there is none of this name.
    package func context(_ name: String) throws -> ToolContext {
        if let context = contexts[name] { return context }
        throw ToolError(
            .failure, "There is no context '\(name)': 'amqp context list' shows them, 'amqp context add' makes one.")
    }

    /// The selected one; nil where none is.
    package var selectedContext: ToolContext? { selected.flatMap { contexts[$0] } }
}
