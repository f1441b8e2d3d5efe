// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// Times and faults of a network in memory, which pass when the test says so.
@Suite(.timeLimit(.minutes(1)))
struct MemoryNetworkTimeTests {
    private static func options(_ change: (inout ConnectionOptions) -> Void = { _ in }) -> ConnectionOptions {
        var options = ConnectionOptions()
        options.reconnect = Backoff(waits: [.seconds(60), .seconds(60), .seconds(60)])
        change(&options)
        return options
    }

    private static func next(of events: AsyncStream<AMQPConnectionEvent>) async -> AMQPConnectionEvent? {
        for await event in events { return event }
        return nil
    }

    @Test func aRequestThatNobodyAnswers() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                let response = Task { try await connection.request(Message(body: 1), to: "q", timeout: .seconds(600)) }
                // A request's time begins before it is sent.
                try await network.wait { $0.queue("q")?.waiting == 1 }
                try await network.advance(by: .seconds(600))
                let error = await #expect(throws: AMQPSendError.self) { try await response.value }
                guard case .inDoubt = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
        }
    }

    @Test func aSendWithoutCredit() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("service").withListener { listener in
                let serving = Task { () -> AMQPReceiver? in
                    for await request in listener {
                        for await link in try await request.accept().linkRequests {
                            if case .sender(let sender) = link { return try sender.accept(window: 0) }
                        }
                    }
                    return nil
                }
                try await network.client("service").withConnection { connection in
                    let outcome = Task { try await connection.send("x", to: "q", timeout: .seconds(3_600)) }
                    try await network.advance(by: .seconds(3_600))
                    let error = await #expect(throws: AMQPSendError.self) { try await outcome.value }
                    guard case .notSent = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                }
                serving.cancel()
                _ = try await serving.value
            }
        }
    }

    @Test func aMessagesTimeToLive() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                var message = Message(body: "x")
                message.timeToLive = .seconds(3_600)
                try await connection.send(message, to: "q")
                #expect(network.status.messages == 1)
                network.clock.advance(by: .seconds(3_600))
                await network.rest()
                #expect(network.status.messages == 0)
            }
        }
    }

    @Test func aBrokerThatIsGoneForThreeMinutes() async throws {
        try await withMemoryNetwork { network in
            try await network.client(options: Self.options()).withConnection { connection in
                let events = connection.events
                try await connection.send(1, to: "q")
                let task = try await network.whileDown {
                    let task = Task { try await connection.send(2, to: "q") }
                    try await network.advance(by: .seconds(60))
                    try await network.advance(by: .seconds(60))
                    return task
                }
                try await network.advance(by: .seconds(60))
                #expect(try await task.value == .accepted)
                #expect(network.status.queue("q")?.waiting == 2)
                var seen: [String] = []
                for await event in events {
                    switch event {
                    case .interrupted(let error): seen.append("interrupted: \(error.code)")
                    case .tryFailed(let error): seen.append("failed: \(error.code)")
                    case .connected: seen.append("connected")
                    case .ended: seen.append("ended")
                    }
                    if seen.last == "connected" { break }
                }
                #expect(
                    seen == [
                        "interrupted: disconnected", "failed: connectFailed", "failed: connectFailed", "connected",
                    ])
            }
        }
    }

    @Test func aConnectionThatIsCut() async throws {
        try await withMemoryNetwork { network in
            try await network.client(options: Self.options()).withConnection { connection in
                try await connection.send("x", to: "q")
                let receiver = connection.receiver(from: "q")
                #expect(try await receiver.next()?.message.deliveryCount == 0)
                await network.cut()
                #expect(network.status.connections.isEmpty && network.status.queue("q")?.waiting == 1)
                try await network.advance(by: .seconds(60))
                #expect(try await receiver.next()?.message.deliveryCount == 1)
            }
        }
    }

    @Test func aCableThatIsOut() async throws {
        let options = Self.options { $0.limits.idleTimeout = .seconds(30) }
        try await withMemoryNetwork { network in
            try await network.client(options: options).withConnection { connection in
                let events = connection.events
                // Heartbeats go both ways.
                network.clock.advance(by: .seconds(3_600))
                await network.rest()
                try await connection.send("x", to: "q")
                await network.whileUnplugged {
                    let sending = Task { try await connection.send("y", to: "q") }
                    await network.rest()
                    network.clock.advance(by: .seconds(30))
                    guard case .interrupted(let error) = await Self.next(of: events) else {
                        Issue.record("The connection is not lost.")
                        return
                    }
                    #expect(error.code == .timedOut)
                    sending.cancel()
                }
                // After a loss of a connection that has lasted the first try is made at once.
                guard case .connected = await Self.next(of: events) else {
                    Issue.record("It is not made again.")
                    return
                }
            }
        }
    }

    @Test func whatWasSentMeanwhileArrives() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                let sender = connection.sender(to: "q")
                try await sender.attach()
                let task = await network.whileUnplugged {
                    let task = Task { try await sender.send("x") }
                    await network.rest()
                    #expect(network.status.messages == 0)
                    return task
                }
                #expect(try await task.value == .accepted)
            }
        }
    }

    @Test func nobodyWaitsForATime() async throws {
        try await withMemoryNetwork { network in
            let before = network.clock.now
            let error = await #expect(throws: ProtonError.self) {
                try await network.advance(by: .seconds(1), atMost: .milliseconds(1))
            }
            #expect(error?.code == .timedOut && network.clock.now == before)
        }
    }
}
