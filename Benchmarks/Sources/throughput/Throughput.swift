// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// A peer to measure with: it sends or receives messages as fast as it can, and prints one line of JSON.
///
/// The programs in Benchmarks/Peers have the same roles and flags, so that each side can be Swift, C, C++ or Python.
@main
struct Throughput: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sends or receives messages as fast as it can, and prints one line of JSON.")

    enum Role: String, ExpressibleByArgument, CaseIterable {
        case send, recv, ping, conn, open
    }

    @Argument(
        help:
            "What to do: send, recv, ping (one round trip at a time), conn (idle connections) or open (one after the other)."
    )
    var role: Role

    @Option(name: .customShort("h"), help: "The host.")
    var host = "127.0.0.1"

    @Option(name: .customShort("p"), help: "The port.")
    var port = 5672

    @Option(name: .customShort("a"), help: "The address of the node.")
    var address = "examples"

    @Option(name: .customShort("n"), help: "How many messages, or round trips.")
    var count = 1_000_000

    @Option(name: .customShort("b"), help: "The size of the body, in bytes.")
    var bodySize = 100

    @Option(name: .customShort("m"), help: "raw: bytes that are encoded once; msg: messages; msgp: with properties.")
    var mode = Settings.Mode.raw

    @Option(name: .customShort("r"), help: "What is read of a message that comes: its id, or that and the body.")
    var reading = Settings.Reading.id

    @Flag(name: .customShort("s"), help: "Send settled messages.")
    var isSettled = false

    @Option(name: .customShort("w"), help: "The credit that a receiver gives.")
    var window = 1_000

    @Option(name: .customShort("c"), help: "How many connections.")
    var connections = 1

    @Option(name: .customShort("l"), help: "How many links each connection of a sender has.")
    var links = 1

    @Flag(name: .customShort("L"), help: "Listen for the peer rather than connect to it.")
    var listens = false

    @Flag(name: .customShort("E"), help: "Send each message that comes back to its sender.")
    var echoes = false

    @Option(name: .customShort("W"), help: "How many messages may be unsettled at once; 0: no limit but credit.")
    var inFlight = 0

    @Option(name: .customShort("T"), help: "Speak TLS with the certificate.pem and key.pem of this folder.")
    var certificates: String?

    @Flag(name: .customShort("G"), help: "Leave out the layer that guards proton from frames.")
    var isUnguarded = false

    @Option(name: .customShort("F"), help: "The largest frame that is taken, in bytes.")
    var maxFrameSize: UInt32?

    @Option(
        name: .customLong("async"), help: "Use the async client for send, recv and ping: one task, or many at once.")
    var asyncStyle: AsyncPeer.Style?

    @Flag(name: .customLong("on-thread"), help: "With --async: run the tasks on the connection's thread.")
    var prefersThread = false

    @Flag(
        name: .customLong("blocking"),
        help: "Use calls that wait, for send and recv: send by as many threads as -W says, by default 256.")
    var isBlocking = false

    private var settings: Settings {
        Settings(
            host: host, port: port, address: address, count: count, bodySize: bodySize, mode: mode,
            reading: reading, isSettled: isSettled, window: window, connections: connections, links: links,
            listens: listens,
            echoes: echoes,
            inFlight: inFlight, certificates: certificates, usesFrameLayer: !isUnguarded, maxFrameSize: maxFrameSize)
    }

    func run() throws {
        let settings = settings
        let report = Report(role: role.rawValue)
        if let asyncStyle {
            try AsyncPeer.run(role, asyncStyle, settings, report, prefersThread: prefersThread)
            return try report.print(encodedSize: Payload(settings).encodedSize)
        }
        if isBlocking {
            try BlockingPeer.run(role, settings, report)
            return try report.print(encodedSize: Payload(settings).encodedSize)
        }
        let peer: any Peer =
            switch role {
            case .send: try SendPeer(settings, report)
            case .recv: try ReceivePeer(settings, report)
            case .ping: try PingPeer(settings, report)
            case .conn: IdlePeer(settings)
            case .open: OpenPeer(settings, report)
            }
        try Container(peer, options: settings.options).run(stoppingOn: .interrupt, .terminate)
        guard peer.isComplete else { throw ExitCode.failure }
        if role != .conn { try report.print(encodedSize: Payload(settings).encodedSize) }
    }
}

extension Settings.Mode: ExpressibleByArgument {}
extension Settings.Reading: ExpressibleByArgument {}
extension AsyncPeer.Style: ExpressibleByArgument {}

/// A handler that knows whether it has done what it was there for.
protocol Peer: MessagingHandler {
    var isComplete: Bool { get }
}
