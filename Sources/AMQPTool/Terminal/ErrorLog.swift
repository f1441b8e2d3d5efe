// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import Logging

/// Log lines as a person reads them, on standard error: `warning: the text`.
package struct ErrorLog: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]

    /// A logger of what the connection does.
    package static func logger(isVerbose: Bool) -> Logger {
        Logger(label: "amqp") { _ in ErrorLog(logLevel: isVerbose ? .debug : .warning) }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            .map { " \($0.key)=\($0.value)" }
        let level = event.level.rawValue
        StandardError.write("\(level): \(event.message)\(pairs.joined())".escapedForTerminal(upTo: 2_000))
    }
}
