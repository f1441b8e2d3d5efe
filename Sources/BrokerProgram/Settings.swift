// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton
import ProtonBroker

// Every option of the program: the flags of the command line, the keys of the configuration file and the help are made of
// these tables.

extension Configuration {
    /// What a configuration file may set.
    static let settings =
        ConnectionSettings.settings + SecuritySettings.settings + QueueSettings.settings + LimitSettings.settings
        + ProgramSettings.settings
}

/// Where to listen, and how connections are taken.
struct ConnectionSettings: SettingGroup {
    let changes: [Change<Configuration>]

    static let settings: [any Setting<Configuration>] = [
        ListSetting(
            "address", short: "a", .text("host:port"), "The same, as Python's broker.py has it.", check: checkAddress
        ) {
            $0.addresses = $1
        },
        ValueSetting(
            "threads", .threads, "How many threads serve connections. (default: one a processor, 4 at most)"
        ) { $0.options.threads = $1 },
        ValueSetting(
            "max-connections", .count,
            "How many connections there may be at once. (default: as many as the system lets it have files open)"
        ) { $0.options.maxConnections = $1 },
        ValueSetting(
            "heartbeat", .seconds,
            "How long a peer may say nothing before it is given up; 0 is for ever. (default: 60)"
        ) { $0.options.connection.limits.idleTimeout = $1 },
        ValueSetting("max-message-size", .size, "The largest message that is taken. (default: 16MiB)") {
            $0.options.connection.limits.maxMessageSize = $1
        },
        ValueSetting("container-id", .text("name"), "What the broker calls itself. (default: a random name)") {
            $0.options.containerID = $1
        },
    ]

    private static let checkAddress: @Sendable (String, ArraySlice<String>) throws -> Void = { address, _ in
        do {
            _ = try AMQPURL(address)
        } catch {
            throw Problem("is no address to listen on: \(error)")
        }
    }
}

/// Which queues and topics there are, and what happens to their messages.
struct QueueSettings: SettingGroup {
    let changes: [Change<Configuration>]

    static let settings: [any Setting<Configuration>] = [
        ListSetting(
            "queue", .queue,
            """
            A queue that is there from the start, with settings of its own if need be: \
            orders,exclusive,messages=1000,bytes=1MiB,when-full=reject,max-deliveries=5,dead-letter=bad. May be \
            repeated.
            """,
            check: QueueOption.checkIsNew
        ) { $0.queues = $1 },
        SwitchSetting(
            "on-demand-queues",
            "Whether an attach to an address makes a queue where there is none. (default: it does)"
        ) { $0.options.makesQueues = $1 },
        ListSetting(
            "topic", .text("pattern"),
            """
            Which addresses are topics, unless --queue declares them. A / separates the parts of an address, nothing \
            else does: * stands for one part, # at the end for any number of parts. May be repeated; '' is none. \
            (default: topic/*/#, which is all that begin with topic/)
            """
        ) { $0.options.topics = $1 },
        ValueSetting(
            "max-deliveries", .count,
            """
            How many deliveries of a message may fail before it goes to the dead-letter address, or is dropped where \
            there is none. (default: any number)
            """
        ) { $0.options.redelivery.maxDeliveries = $1 },
        ValueSetting(
            "redelivery-delay", .seconds,
            """
            How long a message waits after its third failed delivery; twice as long after each further one, up to 10 \
            seconds, or this if it is longer. 0 is no wait. (default: 0.1)
            """
        ) {
            $0.options.redelivery.delay = $1
            $0.options.redelivery.maxDelay = max($0.options.redelivery.maxDelay, $1)
        },
        ValueSetting(
            "dead-letter", .address,
            """
            The queue for messages that consumers reject, or whose deliveries failed too often; a * in it stands for the \
            address of the queue that they come from, as in dead/*. (default: they are dropped)
            """
        ) { $0.options.deadLetterAddress = $1 },
        SwitchSetting(
            "dead-letter-expired",
            "Whether messages whose time to live is over go there too. (default: they are dropped)"
        ) { $0.options.deadLettersExpired = $1 },
        ValueSetting(
            "store", .file,
            """
            Where durable messages are kept: a file, which is made where there is none. (default: all messages are in \
            memory, and none is kept)
            """
        ) { $0.storeFile = $1 },
    ]
}

/// How much the broker holds, and what happens then.
struct LimitSettings: SettingGroup {
    let changes: [Change<Configuration>]

    static let settings: [any Setting<Configuration>] = [
        ValueSetting("queue-messages", .count, "How many messages a queue holds. (default: 1000000)") {
            $0.options.queueLimits.messages = $1
        },
        ValueSetting(
            "queue-bytes", .size, "How many bytes of memory the messages of a queue take. (default: 256MiB)"
        ) { $0.options.queueLimits.bytes = $1 },
        ValueSetting(
            "when-full", ValueKind<WhenFull>.oneOf("policy"),
            """
            What a full queue does: withhold-credit, so that its senders wait, reject what comes, or drop-oldest: what it \
            would send next. (default: withhold-credit)
            """
        ) { $0.options.queueLimits.policy = $1.policy },
        ValueSetting(
            "subscription-policy", ValueKind<WhenSubscriptionFull>.oneOf("policy"),
            """
            What a full durable subscription to a topic does: drop-oldest, of its own messages, or reject what is \
            published, for all subscribers. (default: drop-oldest)
            """
        ) { $0.options.subscriptionPolicy = $1.policy },
        ValueSetting("max-queues", .count, "How many queues there may be. (default: 65536)") {
            $0.options.maxQueues = $1
        },
        ValueSetting(
            "max-bytes", .size, "How many bytes of memory the messages of all queues take. (default: 1GiB)"
        ) { $0.options.maxBytes = $1 },
        ValueSetting(
            "max-unsettled", .count, "How many messages a consumer may have unsettled on a link. (default: 10000)"
        ) { $0.options.maxUnsettled = $1 },
        ValueSetting(
            "credit", .count,
            """
            How many messages a peer may send ahead on a link; it begins with a few, and gets up to this many as it uses \
            them. (default: 500)
            """
        ) { $0.options.creditWindow = $1 },
    ]
}

/// How the program runs.
struct ProgramSettings: SettingGroup {
    let changes: [Change<Configuration>]

    static let settings: [any Setting<Configuration>] = [
        ValueSetting(
            "log-level", ValueKind<LogLevel>.oneOf("level"),
            """
            Which log lines are written to standard error: those of this level and above, of trace, debug, info, notice, \
            warning, error. (default: info)
            """
        ) { $0.logLevel = $1 },
        ValueSetting(
            "http", .httpAddress,
            """
            Where to answer HTTP requests for /healthz, /readyz and /metrics, the last in the format of Prometheus; for \
            whoever reaches the port. A port alone is one of localhost. (default: nowhere)
            """
        ) { $0.http = $1 },
        ValueSetting(
            "stop-grace", .seconds,
            "How long peers may take to close their side when the broker ends. (default: 2)"
        ) { $0.options.stopGrace = $1 },
    ]
}
