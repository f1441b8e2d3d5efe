// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Proton
import ProtonBroker

#if DurableBroker
import ProtonBrokerStore
#endif

/// What the program is to do: by default, then as the configuration file says, then as the command line does.
struct Configuration {
    /// Where to listen; none is `localhost:5672`.
    var addresses: [String] = []
    /// The queues that there are from the start.
    var queues: [QueueOption] = []
    /// Who may connect, and what they may do.
    var security = Security()
    /// Where durable messages are kept; nil keeps all in memory.
    var storeFile: String?
    var logLevel = LogLevel.info
    /// Where its health and its metrics can be asked for; nil is nowhere.
    var http: HTTPAddress?
    /// The rest, as the library has it, but for the threads: as many as there are processors, up to four.
    var options: BrokerOptions

    init() {
        options = BrokerOptions()
        options.threads = min(max(1, ProcessInfo.processInfo.activeProcessorCount), 4)
    }

    /// Makes the broker, which listens from then on.
    func makeBroker() throws -> Broker {
        var options = try brokerOptions()
        if let storeFile { options.store = try Configuration.openStore(storeFile) }
        return try Broker(addresses: addresses, options: options)
    }

    /// Checks all that can be checked without listening and without opening the store: the other files are read.
    /// - Throws: as `makeBroker`.
    func check() throws {
        try Broker.check(addresses: addresses, options: try brokerOptions())
        #if !DurableBroker
        if let storeFile { _ = try Configuration.openStore(storeFile) }
        #endif
    }

    /// The library's options, with what is read from files, but for the store.
    private func brokerOptions() throws -> BrokerOptions {
        var options = options
        options.queues = queues.map { $0.declaration(options) }
        // An empty pattern, which is no topic's, says on the command line that there are none.
        options.topics.removeAll(where: \.isEmpty)
        let log = Logger(label: "broker")
        try security.apply(to: &options) { log.error("goes on with the users that it has: \($0.message)") }
        return options
    }

    private static func openStore(_ path: String) throws -> any MessageStore {
        #if DurableBroker
        try SQLiteStore(path)
        #else
        throw ProtonError(
            .invalidArgument,
            """
            \(path): this broker was built without its store; `swift build --product broker --traits DurableBroker` builds \
            it with the store.
            """)
        #endif
    }
}
