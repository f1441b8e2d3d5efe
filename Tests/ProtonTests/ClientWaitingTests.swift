// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// What waits in the async client, and what ends that: cancellation, drains, others that wait too.
@Suite(.timeLimit(.minutes(1)))
struct ClientWaitingTests {
    private static func with(
        messages count: Int, _ body: @Sendable (AMQPConnection, Broker) async throws -> Void
    ) async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let sender = connection.sender(to: "q")
                for receipt in try await sender.submit(contentsOf: (0..<count).map { Message(body: $0) }) {
                    _ = try await receipt.outcome
                }
                try await body(connection, broker)
            }
        }
    }

    /// Also while messages are there.
    @Test func aCancelledLoopEnds() async throws {
        try await Self.with(messages: 50) { connection, _ in
            let taken = try await Task {
                let receiver = connection.receiver(from: "q", window: 50)
                var taken = 0
                for try await _ in receiver {
                    taken += 1
                    while receiver.waitingCount < 49, taken == 1 { await Task.yield() }
                    withUnsafeCurrentTask { $0?.cancel() }
                }
                return taken
            }.value
            #expect(taken == 1)
        }
    }

    @Test(arguments: [0, 3])
    func aDrainOfAReceiverThatIsNotAttached(credit: Int) async throws {
        try await Self.with(messages: 2) { connection, _ in
            let receiver = connection.receiver(from: "q", window: 0)
            if credit > 0 { try receiver.grant(credit) }
            try await receiver.drain()
            #expect(receiver.waitingCount == (credit > 0 ? 2 : 0))
        }
    }

    /// A scope is over when its connection is, whatever has become of its task.
    @Test func aCancelledScopeHasClosed() async throws {
        try await withBroker { broker in
            try await Task {
                try await AMQPClient(broker.address).withConnection { connection in
                    try await connection.send("a", to: "q")
                    for try await delivery in connection.receiver(from: "q") {
                        delivery.accept()
                        withUnsafeCurrentTask { $0?.cancel() }
                    }
                }
            }.value
            let status = try await broker.wait { $0.connections.isEmpty }
            #expect(status.messages == 0)
        }
    }

    @Test func whoWaitsForManyDoesNotHoldUpOthers() async throws {
        try await Self.with(messages: 1) { connection, _ in
            let receiver = connection.receiver(from: "q", window: 100)
            let batch = Task {
                for try await batch in receiver.batches(of: 50, within: .seconds(60)) { return batch.count }
                return 0
            }
            // The first message of the batch is taken.
            while receiver.address == nil || receiver.waitingCount > 0 { await Task.yield() }
            let one = Task { try await receiver.next() }
            try await connection.send("1", to: "q")
            let delivery = try await one.value
            #expect(delivery != nil)
            batch.cancel()
            _ = try await batch.value
        }
    }

    @Test func whatIsTakenBackLeavesItsRoom() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.send(.attach(answering: peer.expect(.attach)))
            try peer.expect(.detach)
            try peer.send(.detach())
            try peer.expect(.close)
            try peer.send(.close())
        } asyncClient: { address in
            try await AMQPClient(address).withConnection { connection in
                let sender = connection.sender(to: "q", bounds: AMQPSender.Bounds(messages: 2))
                let first = try await sender.submit(Message(body: 1))
                _ = try await sender.submit(Message(body: 2))
                #expect(try sender.trySend(Message(body: 3)) == nil)
                first.cancel()
                #expect(try sender.trySend(Message(body: 3)) != nil)
                try await sender.attach()
                await sender.close()
            }
        }
    }
}
