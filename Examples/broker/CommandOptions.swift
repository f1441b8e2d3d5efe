import ArgumentParser
import Proton
import ProtonBroker

/// Where to listen, and how connections are taken.
struct ConnectionFlags: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Where to listen, in several places if need be; port 0 is a free one. (default: localhost:5672)",
            valueName: "host:port"))
    var listenAddresses: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The same, as Python's broker.py has it.", valueName: "host:port"))
    var address: [String] = []

    @Option(
        help: ArgumentHelp("How many threads serve connections. (default: one a processor, 4 at most)", valueName: "n"),
        transform: OptionValue.threads)
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "How many connections there may be at once. (default: as many as the system lets it have files open)",
            valueName: "n"),
        transform: OptionValue.count)
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp(
            "How long a peer may say nothing before it is given up; 0 is for ever. (default: 60)",
            valueName: "seconds"),
        transform: OptionValue.seconds)
    var heartbeat: Duration?

    @Option(
        help: ArgumentHelp("The largest message that is taken. (default: 16MiB)", valueName: "size"),
        transform: OptionValue.size)
    var maxMessageSize: Int?

    @Option(help: ArgumentHelp("What the broker calls itself. (default: a random name)", valueName: "name"))
    var containerID: String?

    func apply(to configuration: inout Configuration) {
        let addresses = listenAddresses + address
        if !addresses.isEmpty { configuration.addresses = addresses }
        var options = configuration.options
        options.threads = threads ?? options.threads
        options.maxConnections = maxConnections ?? options.maxConnections
        options.connection.limits.idleTimeout = heartbeat ?? options.connection.limits.idleTimeout
        options.connection.limits.maxMessageSize = maxMessageSize ?? options.connection.limits.maxMessageSize
        options.containerID = containerID ?? options.containerID
        configuration.options = options
    }
}

/// Which queues and topics there are.
struct QueueFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A queue that is there from the start, with settings of its own if need be: "
                + "orders,exclusive,messages=1000,bytes=1MiB,when-full=reject. May be repeated.",
            valueName: "address[,...]"),
        transform: OptionValue.queue)
    var queue: [QueueOption] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Whether an attach to an address makes a queue where there is none. (default: it does)")
    var onDemandQueues: Bool?

    @Option(
        help: ArgumentHelp(
            "Which addresses are topics; * stands for one part of an address, # at the end for any number of parts. "
                + "May be repeated; '' is none. (default: topic/#)",
            valueName: "pattern"))
    var topic: [String] = []

    @Option(
        help: ArgumentHelp(
            "The queue for messages that consumers reject. (default: they are dropped)", valueName: "address"),
        transform: OptionValue.address)
    var deadLetter: String?

    @Option(
        help: ArgumentHelp(
            "Where durable messages are kept: a file, which is made where there is none. "
                + "(default: all messages are in memory, and none is kept)",
            valueName: "file"),
        transform: OptionValue.file)
    var store: String?

    func apply(to configuration: inout Configuration) {
        configuration.storeFile = store ?? configuration.storeFile
        if !queue.isEmpty { configuration.queues = queue }
        configuration.options.makesQueues = onDemandQueues ?? configuration.options.makesQueues
        if !topic.isEmpty { configuration.options.topics = topic }
        configuration.options.deadLetterAddress = deadLetter ?? configuration.options.deadLetterAddress
    }
}

/// How much the broker holds, and what happens then.
struct LimitFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp("How many messages a queue holds. (default: 1000000)", valueName: "n"),
        transform: OptionValue.count)
    var queueMessages: Int?

    @Option(
        help: ArgumentHelp("How many bytes of messages a queue holds. (default: 256MiB)", valueName: "size"),
        transform: OptionValue.size)
    var queueBytes: Int?

    @Option(
        help: ArgumentHelp(
            "What a full queue does: withhold-credit, so that its senders wait, reject what comes, or drop-oldest: what "
                + "it would send next. (default: withhold-credit)",
            valueName: "policy"),
        transform: OptionValue.whenFull)
    var whenFull: WhenFull?

    @Option(
        help: ArgumentHelp("How many queues there may be. (default: 65536)", valueName: "n"),
        transform: OptionValue.count)
    var maxQueues: Int?

    @Option(
        help: ArgumentHelp("How many bytes of messages all queues hold together. (default: 1GiB)", valueName: "size"),
        transform: OptionValue.size)
    var maxBytes: Int?

    @Option(
        help: ArgumentHelp(
            "How many messages a consumer may have unsettled on a link. (default: 10000)", valueName: "n"),
        transform: OptionValue.count)
    var maxUnsettled: Int?

    @Option(
        help: ArgumentHelp("How many messages a peer may send ahead on a link. (default: 500)", valueName: "n"),
        transform: OptionValue.count)
    var credit: Int?

    func apply(to configuration: inout Configuration) {
        var options = configuration.options
        options.queueLimits.messages = queueMessages ?? options.queueLimits.messages
        options.queueLimits.bytes = queueBytes ?? options.queueLimits.bytes
        options.queueLimits.policy = whenFull?.policy ?? options.queueLimits.policy
        options.maxQueues = maxQueues ?? options.maxQueues
        options.maxBytes = maxBytes ?? options.maxBytes
        options.maxUnsettled = maxUnsettled ?? options.maxUnsettled
        options.creditWindow = credit ?? options.creditWindow
        configuration.options = options
    }
}

/// How the program runs.
struct ProgramFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp("A file of these options, in JSON; those of the command line win.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Which log lines are written to standard error: those of this level and above, of trace, debug, info, "
                + "notice, warning, error. (default: info)",
            valueName: "level"),
        transform: OptionValue.logLevel)
    var logLevel: LogLevel?

    @Option(
        help: ArgumentHelp(
            "How long peers may take to close their side when the broker ends. (default: 2)", valueName: "seconds"),
        transform: OptionValue.seconds)
    var stopGrace: Duration?

    func apply(to configuration: inout Configuration) {
        configuration.logLevel = logLevel ?? configuration.logLevel
        configuration.options.stopGrace = stopGrace ?? configuration.options.stopGrace
    }
}
