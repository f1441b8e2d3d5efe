import ArgumentParser
import Glibc
import Proton
import ProtonBroker

/// A broker in memory: queues made on demand, shared among their consumers.
@main
struct BrokerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "A message broker in memory: queues are made on demand, and shared among their consumers.",
        discussion: """
            Nothing is kept when it ends. Control-C, or SIGTERM, closes all connections and ends it.
            Anyone who reaches the port may use it: there is no log-in.
            """)

    @Argument(help: "Where to listen; port 0 is a free one. (default: localhost:5672)")
    var listenAddress: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("The same, as Python's broker.py has it.", valueName: "host:port"))
    var address: String?

    func validate() throws {
        if listenAddress != nil, address != nil {
            throw ValidationError("Give the address once: as an argument, or with --address.")
        }
    }

    func run() throws {
        let broker = try Broker(listenAddress ?? address ?? "localhost:5672")
        try broker.run(stopsOnSignals: true) {
            print("listening on \(broker.address)")
            // Whoever reads this through a pipe waits for it.
            fflush(nil)
        }
    }
}
