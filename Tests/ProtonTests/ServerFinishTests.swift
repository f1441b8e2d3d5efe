// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// A server's end in good order, and its instruments.
@Suite(.timeLimit(.minutes(1)))
struct ServerFinishTests {
    /// Requests in hand when the server is to end are answered, and nothing is begun after that.
    @Test func whatIsInHandIsAnswered() async throws {
        let (begun, gate) = (Gate(), Gate())
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("service").withListener { listener in
                let serving = Task {
                    await listener.serve("upper", concurrency: 4) { request in
                        begun.open()
                        await gate.wait()
                        return Message(body: "\(request.body)".uppercased())
                    }
                }
                try await network.client("service").withConnection { connection in
                    async let response: Message = connection.request(Message(body: "a"), to: "upper")
                    await begun.wait()
                    listener.finishReceiving()
                    #expect(listener.addresses.isEmpty)
                    await network.rest()
                    // The peer's credit was taken back.
                    let late = Task { try await connection.request(Message(body: "b"), to: "upper") }
                    gate.open()
                    let answer = try await response
                    #expect(answer.body == "A")
                    await serving.value
                    await #expect(throws: AMQPSendError.self) { try await late.value }
                }
            }
        }
    }

    /// A sender gives its credit back when it is asked to, once what waits has been sent.
    @Test func aSenderAnswersADrain() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.send(.flow(credit: 10, ["drain": true]))
            try peer.expect(.transfer)
            try peer.expect(.transfer)
            try peer.expect(.flow, ["link-credit": 0, "delivery-count": 10, "drain": true])
            try peer.send(.disposition(.accepted, 0), .disposition(.accepted, 1))
            try peer.expect(.close, skipping: .detach, .end)
            try peer.send(.close())
        } asyncClient: { address in
            try await AMQPClient(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                for receipt in try await sender.submit(contentsOf: [Message(body: 1), Message(body: 2)]) {
                    #expect(try await receipt.outcome == .accepted)
                }
            }
        }
    }

    /// A response that waits for the peer's credit goes out before the connection is closed.
    @Test func aResponseWaitsForCredit() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("service").withListener { listener in
                let serving = Task { await listener.serve("echo") { $0 } }
                try await network.client("service").withConnection { connection in
                    let receiver = connection.receiver(from: nil, window: 0)
                    try await receiver.attach()
                    let request = Message(body: "a", replyTo: receiver.address)
                    #expect(try await connection.send(request, to: "echo") == .accepted)
                    listener.finishReceiving()
                    await network.rest()
                    try receiver.grant(1)
                    let delivery = try #require(try await receiver.next())
                    #expect(delivery.message.body == "a")
                    delivery.accept()
                    await serving.value
                }
            }
        }
    }

    /// A peer that gives none holds up the end for the close time-out.
    @Test func aResponseThatNobodyTakes() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("service").withListener { listener in
                let serving = Task { await listener.serve("echo") { $0 } }
                try await network.client("service").withConnection { connection in
                    let receiver = connection.receiver(from: nil, window: 0)
                    try await receiver.attach()
                    let request = Message(body: "a", replyTo: receiver.address)
                    #expect(try await connection.send(request, to: "echo") == .accepted)
                    listener.finishReceiving()
                    await network.rest()
                    try await network.advance(by: .seconds(10))
                    await serving.value
                }
            }
        }
    }

    /// Loops of a program's own end too, also of connections that are accepted meanwhile.
    @Test func loopsEnd() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("service").withListener { listener in
                let taken = SharedLog()
                let serving = Task {
                    for await request in listener {
                        let connection = try await request.accept()
                        for await link in connection.linkRequests {
                            guard case .sender(let sender) = link else { continue }
                            for try await delivery in try sender.accept() {
                                taken.note("\(delivery.message.body)")
                                delivery.accept()
                            }
                        }
                        await connection.close()
                    }
                }
                try await network.client("service").withConnection { connection in
                    try await connection.send("a", to: "x")
                    listener.finishReceiving()
                    try await serving.value
                    #expect(taken.lines == ["a"])
                }
            }
        }
    }

    @Test func instruments() async throws {
        let log = SharedLog()
        try await withMemoryNetwork(broker: nil) { network in
            var server = try network.server("service")
            server.instruments = [Notes(log: log)]
            try await server.withListener { listener in
                let serving = Task { await listener.serve("echo") { $0 } }
                try await network.client("service").withConnection { connection in
                    _ = try await connection.request(Message(body: "a"), to: "echo")
                }
                listener.finishReceiving()
                await serving.value
            }
        }
        #expect(
            log.lines == ["connected", "received from echo", "begins", "sends to -", "ends", "accepted", "ended"])
    }

    private struct Notes: AMQPInstrument {
        let log: SharedLog

        func connectionDidChange(_ event: AMQPConnectionEvent, _ connection: AMQPConnectionInfo) {
            #expect(connection.isIncoming)
            switch event {
            case .connected: log.note("connected")
            case .ended: log.note("ended")
            case .interrupted, .tryFailed: log.note("\(event)")
            }
        }

        func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? {
            log.note("sends to \(link.address ?? "-")")
            return nil
        }

        func didReceive(_ message: Message, isSettled: Bool, by link: AMQPLinkInfo) -> AMQPSettlementObserver? {
            log.note("received from \(link.address ?? "-")")
            return { [log] state, _ in log.note(state == .accepted ? "accepted" : "\(String(describing: state))") }
        }

        func process<Result>(
            _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
        ) async rethrows -> Result {
            log.note("begins")
            defer { log.note("ends") }
            return try await body()
        }
    }
}

/// What tasks wait for until it is opened.
private struct Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}
