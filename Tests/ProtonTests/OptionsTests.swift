// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import ProtonTesting
import Testing

@testable import Proton

/// Options: what they show, and those that make no sense.
@Suite(.timeLimit(.minutes(1)))
struct OptionsTests {
    @Test func nothingThatIsPrintedShowsThePassword() throws {
        let options = ConnectionOptions(user: "guest", password: "s3cret", virtualHost: "host")
        var dumped = ""
        dump(options, to: &dumped)
        let file = try ConnectFile(
            Data(#"{"scheme": "amqp", "host": "h", "user": "u", "password": "s3cret"}"#.utf8), path: "connect.json")
        #expect(file.url.password == "s3cret")
        var dumpedFile = ""
        dump(file, to: &dumpedFile)
        let texts = [
            "\(options)", String(reflecting: options), "\([options])", "\(Optional(options) as Any)", dumped,
            "\(file)", String(reflecting: file), dumpedFile,
        ]
        for text in texts { #expect(!text.contains("s3cret"), "\(text)") }
        for text in texts.prefix(5) { #expect(text.contains("guest") && text.contains("host")) }
        #expect("\(ConnectionOptions())".contains("password: none"))
    }

    // MARK: Prefetch

    private final class Greedy: MessagingHandler, Sendable {
        var options: HandlerOptions { HandlerOptions(prefetch: -1) }
    }

    @Test func aNegativePrefetchIsRefusedWhereAHandlerIsPutToUse() throws {
        func expectRefusal(_ body: () throws -> Void) {
            let error = #expect(throws: ProtonError.self, performing: body)
            #expect(error?.code == .invalidArgument && error?.message.contains("-1") == true)
        }
        expectRefusal { _ = try Container(Greedy()) }
        expectRefusal { _ = try Container(FlowController(-1)) }
        expectRefusal { try Container().run(threads: 1, handler: Greedy()) }
        let container = try Container(options: .once)
        expectRefusal { try container.connect("127.0.0.1:1", handler: Greedy()) }
        expectRefusal { try container.connect("127.0.0.1:1") { Greedy() } }
        let connection = try container.connect("127.0.0.1:1")
        expectRefusal { try container.createReceiver(connection, "a", handler: Greedy()) }
        expectRefusal { try container.createSender(connection, "a", handler: Greedy()) }
        #expect(connection.links.isEmpty)
    }

    @Test("A property cannot throw: the error of a negative prefetch comes out of run, when credit is due")
    func ofALinksHandler() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                let exchange = Exchange()
                exchange.server.on("onLinkOpening") { (event: LinkEvent) in event.link.handler = Greedy() }
                try exchange.run { try $0.createSender($1, "a") }
            }
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func ofAListenersHandler() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                let start = Plain { event in
                    let listener = try event.container.listen("127.0.0.1:0") { Greedy() }
                    try event.container.connect("127.0.0.1:\(listener.port ?? 0)")
                }
                try Container(start, options: .once).run()
            }
        }
        #expect(error?.code == .invalidArgument)
    }

    // MARK: Logging

    @Test func whatNobodyHandlesIsLoggedWhereTheProgramSays() async throws {
        let log = SharedLog()
        try await onThread {
            let start = Plain { event in
                let listener = try event.container.listen("127.0.0.1:0")
                let client = Scripted("client")
                client.on("onConnectionOpened") { (event: ConnectionEvent) in
                    event.connection.close(Condition("test:reason", "of the test"))
                    listener.close()
                }
                client.on("onConnectionFinal") { (_: ConnectionEvent) in client.forget() }
                try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: client)
            }
            let logger = Logger(label: "mine") { LogLines($0, log) }
            try Container(start, options: .once, logger: logger).run()
        }
        #expect(log.lines.count == 1 && log.lines[0].hasPrefix("mine warning") && log.lines[0].contains("of the test"))
    }
}

extension OptionsTests {
    @Test func aBlockingConnectionLogsWhereTheProgramSays() async throws {
        let log = SharedLog()
        try await onThread {
            let port = try HeldPort()
            let error = #expect(throws: ProtonError.self) {
                try BlockingConnection(
                    "127.0.0.1:\(port.number)", timeout: .seconds(3), options: ConnectionOptions(),
                    logger: Logger(label: "mine") { LogLines($0, log) })
            }
            #expect(error?.code == .timedOut)
        }
        #expect(log.lines.contains { $0.hasPrefix("mine warning") && $0.contains("Trying again") })
    }
}

/// Notes what is logged.
private struct LogLines: LogHandler {
    let label: String
    let log: SharedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(_ label: String, _ log: SharedLog) { (self.label, self.log) = (label, log) }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { log.note("\(label) \(event.level) \(event.message)") }
}
