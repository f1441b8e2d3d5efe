// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// What instruments of a client are told, and may change.
@Suite(.timeLimit(.minutes(1)))
struct InstrumentTests {
    /// Keeps what it is told.
    private struct Notes: AMQPInstrument {
        let name: String
        let log: SharedLog

        func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? {
            log.note("\(name) sends to \(link.address ?? "-")")
            message.annotations[.symbol(Symbol("x-opt-\(name)"))] = 1
            return { result, latency in
                #expect(latency >= .zero)
                switch result {
                case .success(let outcome): log.note("\(name) \(outcome)")
                case .failure(.notSent): log.note("\(name) not sent")
                case .failure(let error): log.note("\(name) \(error)")
                }
            }
        }

        func process<Result>(
            _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
        ) async rethrows -> Result {
            log.note("\(name) begins")
            defer { log.note("\(name) ends") }
            return try await body()
        }
    }

    /// One that wants to know nothing.
    private struct Nothing: AMQPInstrument {}

    @Test func theyAreToldInOrder() async throws {
        let log = SharedLog()
        try await withBroker { broker in
            var client = try AMQPClient(broker.address)
            client.instruments = [Notes(name: "a", log: log), Nothing(), Notes(name: "b", log: log)]
            try await client.withConnection { connection in
                try await connection.send("m", to: "q")
                let delivery = try #require(try await connection.receiver(from: "q").next())
                #expect(delivery.message.annotations == ["x-opt-a": 1, "x-opt-b": 1])
                await delivery.process { log.note("body") }
                delivery.accept()
            }
        }
        let sending = ["a sends to q", "b sends to q", "a accepted", "b accepted"]
        #expect(log.lines == sending + ["a begins", "b begins", "body", "b ends", "a ends"])
    }

    /// Messages in pieces are messages too.
    @Test func streams() async throws {
        let log = SharedLog()
        try await withBroker { broker in
            var client = try AMQPClient(broker.address)
            client.instruments = [Notes(name: "a", log: log)]
            try await client.withConnection { connection in
                let pieces = ClientStreamTests.Pieces(count: 3, size: 10)
                try await connection.send(streaming: pieces, to: "q")
                let delivery = try #require(try await connection.streams(from: "q").next())
                #expect(delivery.message.annotations == ["x-opt-a": 1])
                await delivery.process { log.note("body") }
                delivery.accept()
            }
        }
        #expect(log.lines == ["a sends to q", "a accepted", "a begins", "body", "a ends"])
    }

    /// Each message that is begun comes to an end, once, whatever becomes of it.
    @Test func everyMessageEnds() async throws {
        let log = SharedLog()
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.detach)
            try peer.send(.detach())
            try peer.answerClose()
        } asyncClient: { address in
            var client = try AMQPClient(address)
            client.instruments = [Notes(name: "a", log: log)]
            try await client.withConnection { connection in
                let sender = connection.sender(to: "q", bounds: AMQPSender.Bounds(messages: 2))
                try await sender.attach()
                // Taken back; waits to the end; finds no room; waits for room, and is cancelled; and after the end.
                #expect(try await sender.submit(Message(body: 0)).cancel())
                _ = try await sender.submit(contentsOf: [Message(body: 1), Message(body: 2)])
                #expect(try sender.trySend(Message(body: 3)) == nil)
                let waiting = Task { try await sender.send(Message(body: 4)) }
                while log.lines.count(where: { $0 == "a sends to q" }) < 5 { await Task.yield() }
                waiting.cancel()
                _ = await waiting.result
                await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: 5), timeout: .zero) }
                await sender.close()
                await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: 6)) }
                await #expect(throws: AMQPSendError.self) { try await sender.submit(contentsOf: [Message(body: 7)]) }
                #expect(throws: AMQPSendError.self) { try sender.trySend(Message(body: 8)) }
            }
        }
        #expect(log.lines.count { $0 == "a sends to q" } == 8)
        #expect(log.lines.count { $0 == "a not sent" } == 8)
    }
}
