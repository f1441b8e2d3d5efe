// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import ProtonTesting
import Testing

@testable import Proton

/// The log of frames: readable, without what a log-in consists of, and without bodies but for a bound.
@Suite(.timeLimit(.minutes(1)))
struct FrameLogTests {
    /// Keeps the lines.
    private struct Lines: LogHandler {
        let log: SharedLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        init(_ log: SharedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.note("\(event.level) \(event.message) \(event.metadata?["peer"].map { "\($0)" } ?? "-")")
        }
    }

    private static func logger(_ log: SharedLog) -> Logger { Logger(label: "frames") { _ in Lines(log) } }

    private static func exchange(payload: Int, _ log: SharedLog) async throws -> String {
        try await withBroker { broker in
            var client = try AMQPClient(broker.address)
            client.options.logFrames(to: logger(log), payload: payload)
            try await client.withConnection { connection in
                try await connection.send("the body ] (99) of a message", to: "q")
                for try await delivery in connection.receiver(from: "q") {
                    delivery.accept()
                    break
                }
            }
            return broker.address
        }
    }

    @Test func framesBothWays() async throws {
        let log = SharedLog()
        let address = try await Self.exchange(payload: 0, log)
        for performative in ["open", "begin", "attach", "transfer", "disposition", "detach", "close"] {
            for way in ["->", "<-"] {
                #expect(
                    log.lines.contains { $0.hasPrefix("info 0 \(way) @\(performative)(") }, "\(way) \(performative)")
            }
        }
        #expect(log.lines.contains { $0.contains("-> SASL") })
        #expect(log.lines.contains { $0.contains("mechanism=:ANONYMOUS, …]") })
        // Before the socket is connected there is no address.
        #expect(log.lines.contains { $0.hasPrefix("info 0 <- @open") && $0.hasSuffix(" \(address)") })
        let transfers = log.lines.filter { $0.contains("@transfer(") }
        #expect(transfers.count == 2)
        #expect(transfers.allSatisfy { $0.contains("message-format=0x0] (33) ") })
        #expect(!log.lines.contains { $0.contains("body") })
    }

    @Test func aBoundOfTheBody() async throws {
        let log = SharedLog()
        _ = try await Self.exchange(payload: 22, log)
        let transfers = log.lines.filter { $0.contains("@transfer(") }
        #expect(transfers.allSatisfy { $0.contains("] (33) \\x00Sw\\xa1\\x1cthe body…") })
    }

    /// Whether it is right or wrong, and at the listener too, by the handler API.
    @Test(arguments: ["PLAIN", "SCRAM-SHA-256"])
    func noPassword(_ mechanism: String) async throws {
        let log = SharedLog()
        let logger = Self.logger(log)
        let users = TestUsers(users: ["me": "sesame-open"])
        try await LoginServer.run(.required(users)) {
            $0.logFrames(to: logger, payload: 1_024)
        } _: { server in
            func login(_ password: String) -> ProtonError? {
                server.login("me:\(password)@") { options in
                    options.allowedMechanisms = [mechanism]
                    options.logFrames(to: logger, payload: 1_024)
                }
            }
            #expect(login("sesame-open") == nil)
            #expect(login("sesame-wrong") != nil)
        }
        for way in ["->", "<-"] {
            let named = "0 \(way) @sasl-init(65) [mechanism=:"
            #expect(log.lines.contains { $0.contains(named) && $0.contains(mechanism) && $0.contains(", …]") })
        }
        #expect(!log.lines.contains { $0.contains("sesame") || $0.contains("initial-response") })
        #expect(!log.lines.contains { $0.contains("challenge=") || $0.contains("response=") })
    }
}
