// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Glibc
import Logging
import Proton
import ProtonBroker
import ProtonUtilities

/// The broker of the library `ProtonBroker` as a command of a program.
package struct BrokerCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "An AMQP 1.0 message broker.",
        discussion: """
            Without options it listens on localhost:5672 and makes a queue whenever a peer attaches to an address. The \
            consumers of a queue share its messages; whoever subscribes to an address that begins with topic/ gets all \
            messages that are sent there from then on. A / makes topic/news a topic: topic.news is a queue, and so is \
            whatever --queue declares. All of them are in memory, and none is kept when the broker ends, unless \
            --store says where: it then keeps the messages whose senders call them durable. Whoever is on this \
            machine may use it. Others have to log in, as one of --users or by a certificate: until there are such, they \
            are refused. --rules says what who may do.

            Control-C, or SIGTERM, closes all connections and ends it; a second one ends it at once. SIGUSR1 has it \
            print a summary of its queues and their rates, SIGHUP has it read the file of rules again.

            EXAMPLES:
              broker                                  a broker to develop with
              broker --users users --add-user alice   asks for a password, and writes it down as a salted hash
              broker --users users 0.0.0.0:5672       for other machines too, in the clear
              broker --users users --tls-certificate server.pem --tls-key server.key amqps://0.0.0.0 localhost
              broker --queue orders --queue audit,exclusive --no-on-demand-queues
              broker --queue-messages 10000 --when-full reject --dead-letter rejected
              broker --store messages.sqlite
              broker --config broker.json --log-level debug
              broker --http 9090                      health and metrics, on localhost:9090
              broker --config broker.json --check-config
              kill -USR1 $(pidof broker)              its summary

            A configuration file has the long names of the options as its keys, and may have comments:
              {"address": ["amqps://0.0.0.0"], "tls-certificate": "server.pem", "tls-key": "server.key",
               "users": "users", "rule": ["allow * * ${user}/#", "allow alice send,receive orders"],
               "threads": 2, "log-level": "debug",
               "queue": ["orders", {"address": "audit", "exclusive": true, "messages": 1000}],
               "on-demand-queues": false, "heartbeat": 30, "queue-bytes": "64MiB"}
            """)

    @Argument(
        help: ArgumentHelp(
            "Where to listen, in several places if need be; port 0 is a free one. (default: localhost:5672)",
            valueName: "host:port"))
    var addresses: [String] = []

    @Option(
        help: ArgumentHelp("A file of these options, in JSON; those of the command line win.", valueName: "file"),
        completion: .file())
    var config: String?

    @Flag(
        help: """
            Checks the options, the configuration file and the files that they name, and ends: nothing is listened on, and the \
            store is not opened.
            """)
    var checkConfig = false

    @Option(
        help: ArgumentHelp(
            """
            Adds a user to the file of --users, which is made where there is none, or gives one another password, and ends. \
            The password is asked for, or is a line of standard input where that is no terminal.
            """, valueName: "name"))
    var addUser: String?

    @Option(help: ArgumentHelp("Removes a user from the file of --users, and ends.", valueName: "name"))
    var removeUser: String?

    @OptionGroup(title: "Connections") var connections: ConnectionSettings
    @OptionGroup(title: "Security") var security: SecuritySettings
    @OptionGroup(title: "Queues and topics") var queues: QueueSettings
    @OptionGroup(title: "Limits") var limits: LimitSettings
    @OptionGroup(title: "The program") var program: ProgramSettings

    package init() {}

    package func run() throws {
        // A log or a summary that nobody reads any more is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        // Nor is a request for a summary that comes before there is anything to tell.
        signal(SIGUSR1, SIG_IGN)
        let configuration = try readConfiguration()
        if let command = try userCommand() { return try command.run(configuration.security.usersFile) }
        if checkConfig { return try report(configuration) }
        LoggingSystem.bootstrap { _ in LogLines(configuration.logLevel.level) }
        let broker = try configuration.makeBroker()
        let summary = Summary(broker)
        let watch = SignalWatch(every: SIGUSR1) { summary.request() }
        let rulesWatch = configuration.security.rulesFile.map { _ in
            SignalWatch(every: SIGHUP) { readRules(configuration.security, for: broker) }
        }
        let health = try HealthPort(configuration.http, broker)
        var stopWatch: SignalWatch?
        // They are of use until the process ends.
        defer { withExtendedLifetime((watch, rulesWatch, stopWatch)) { health.end() } }
        try broker.run(stopsOnSignals: true) {
            for address in broker.addresses + health.addresses.map({ "http://\($0)" }) {
                print("listening on \(address)")
            }
            // Whoever reads this through a pipe waits for it.
            fflush(nil)
            // The broker's own watch is there by now: a signal that only this one saw would not stop it.
            stopWatch = health.begin()
        }
    }

    private func report(_ configuration: Configuration) throws {
        try configuration.check()
        print("The configuration can be used.")
    }

    private func userCommand() throws -> UserCommand? {
        switch (addUser, removeUser) {
        case (nil, nil): return nil
        case (let name?, nil): return .add(name)
        case (nil, let name?): return .remove(name)
        case (_?, _?): throw ValidationError("Give one of --add-user and --remove-user.")
        }
    }

    private func readConfiguration() throws -> Configuration {
        var configuration = Configuration()
        if let path = config { try ConfigurationFile(path: path).apply(to: &configuration) }
        if !addresses.isEmpty { configuration.addresses = [] }
        connections.apply(to: &configuration)
        configuration.addresses = addresses + configuration.addresses
        security.apply(to: &configuration)
        queues.apply(to: &configuration)
        limits.apply(to: &configuration)
        program.apply(to: &configuration)
        return configuration
    }
}

/// Has a broker go by what the file of rules says now, or by what it had where that is wrong.
private func readRules(_ security: Security, for broker: Broker) {
    do {
        broker.setRules(try security.readRules())
    } catch {
        Logger(label: "broker").error(
            "goes on with the rules that it has: \((error as? ProtonError)?.message ?? "\(error)")")
    }
}
