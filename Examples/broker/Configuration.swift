import Logging
import ProtonBroker

/// What the program is to do: by default, then as the configuration file says, then as the command line does.
struct Configuration {
    /// Where to listen; none is `localhost:5672`.
    var addresses: [String] = []
    /// The queues that there are from the start.
    var queues: [QueueOption] = []
    var logLevel = LogLevel.info
    /// The rest, as the library has it.
    var options = BrokerOptions()

    /// Makes the broker, which listens from then on.
    func makeBroker() throws -> Broker {
        var options = options
        options.queues = queues.map { $0.declaration(options.queueLimits) }
        // An empty pattern, which is no topic's, says on the command line that there are none.
        options.topics.removeAll(where: \.isEmpty)
        return try Broker(addresses: addresses, options: options)
    }
}
