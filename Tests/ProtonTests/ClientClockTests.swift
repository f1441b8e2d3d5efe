// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Times of the async client by a clock that the test turns: no test waits for them.
@Suite(.timeLimit(.minutes(1)))
struct ClientClockTests {
    private static func client(_ address: String, _ clock: TestClock) throws -> (AMQPClient, ContainerThread) {
        let thread = try ContainerThread(Container(clock: clock))
        var client = try AMQPClient(address)
        client.container = thread.container
        return (client, thread)
    }

    @Test func aSendThatNobodyGivesCreditFor() async throws {
        let clock = TestClock()
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.send(.attach(answering: peer.expect(.attach)))
            try peer.expect(.close, skipping: .detach, .end)
            try peer.send(.close())
        } asyncClient: { address in
            let (client, thread) = try Self.client(address, clock)
            try await client.withConnection { connection in
                let sender = connection.sender(to: "q")
                try await sender.attach()
                let task = Task { try await sender.send("x", timeout: .seconds(3_600)) }
                while sender.waitingCount == 0 { await Task.yield() }
                clock.advance(by: .seconds(3_600))
                let error = await #expect(throws: AMQPSendError.self) { try await task.value }
                guard case .notSent(let cause as ProtonError) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(cause.code == .timedOut)
            }
            thread.container.stop()
        }
    }

    @Test func aRequestThatNobodyAnswers() async throws {
        let clock = TestClock()
        try await withBroker { broker in
            let (client, thread) = try Self.client(broker.address, clock)
            try await client.withConnection { connection in
                let task = Task { try await connection.request(Message(body: 1), to: "q", timeout: .seconds(600)) }
                _ = try await broker.wait { $0.queue("q")?.waiting == 1 }
                clock.advance(by: .seconds(600))
                let error = await #expect(throws: AMQPSendError.self) { try await task.value }
                guard case .inDoubt = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
            thread.container.stop()
        }
    }
}
