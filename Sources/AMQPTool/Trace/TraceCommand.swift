// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Proton
import ProtonUtilities

/// A proxy between clients and a broker that prints what goes over their connections.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Pass connections on to a broker, and print their frames.",
        discussion: """
            Clients connect to the address of --listen. Each of their connections is passed on to --to, byte by byte, and \
            each frame is a line: the time, the connection's number, the channel, the way (-> from the client, <- from \
            the broker), the performative with its fields, and the first bytes of a message. What a log-in consists of is \
            not printed.

            A connection with TLS cannot be looked into: use it without TLS between the client, this proxy and the broker.

            --pcap writes the bytes as packets for Wireshark and tshark, with 5672 as the broker's port, which they take \
            for AMQP. The file has all that was sent, passwords too; only you may read it.

            EXAMPLES:
              amqp trace                                        then: amqp send --url amqp://localhost:5673 orders hello
              amqp trace --to broker.example:5672 --pcap orders.pcap
            """)

    @Option(help: ArgumentHelp("Where clients connect; port 0 is a free one.", valueName: "host:port"))
    var listen = "localhost:5673"

    @Option(help: ArgumentHelp("The broker that connections are passed on to.", valueName: "host:port"))
    var to = "localhost:5672"

    @Option(help: ArgumentHelp("Writes the packets to a file.", valueName: "file"), completion: .file())
    var pcap: String?

    @Option(help: ArgumentHelp("How many characters of a message are printed.", valueName: "count"))
    var payload = 64

    @Option(help: ArgumentHelp("Ends after so many connections have ended.", valueName: "count"))
    var connections: Int?

    @Flag(help: "Prints no frames; for --pcap.")
    var quiet = false

    func validate() throws {
        if payload < 0 { throw ValidationError("--payload is a number of characters, 0 or more.") }
        if let connections, connections < 1 { throw ValidationError("--connections is 1 or more.") }
        _ = try (Self.hostAndPort(listen, "--listen"), Self.hostAndPort(to, "--to"))
    }

    func run() throws {
        let listener = try RelaySocket.listen(Self.hostAndPort(listen, "--listen"))
        let log = TraceLog(
            payload: quiet ? nil : payload, capture: try pcap.map { try PacketCapture(path: $0) })
        let proxy = TraceProxy(listener, to: try Self.hostAndPort(to, "--to"), log: log, maxConnections: connections)
        log.note("listening on \(listener.address), passing on to \(to)")
        let watch = SignalWatch(first: [SIGINT, SIGTERM]) { proxy.stop() }
        defer { withExtendedLifetime(watch) {} }
        try proxy.run()
    }

    /// The parts of `host:port`, or of a URL that is pasted here; an IPv6 address is in brackets.
    static func hostAndPort(_ text: String, _ option: String) throws -> (host: String, port: Int) {
        let url: AMQPURL
        do {
            url = try AMQPURL(text)
        } catch {
            throw ValidationError("\(option) is HOST:PORT, such as localhost:5672: \(error)")
        }
        guard url.scheme == .amqp else {
            throw ValidationError("\(option): connections with TLS cannot be looked into. Give a port without TLS.")
        }
        return (url.host, url.port)
    }
}
