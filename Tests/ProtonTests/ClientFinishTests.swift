// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// The end of receiving in good order: no more credit, what has come is handed out, what is in hand is settled.
@Suite(.timeLimit(.minutes(1)))
struct ClientFinishTests {
    private static func fill(_ connection: AMQPConnection, _ address: String, _ count: Int) async throws {
        let sender = connection.sender(to: address)
        for receipt in try await sender.submit(contentsOf: (0..<count).map { Message(body: $0) }) {
            _ = try await receipt.outcome
        }
    }

    @Test func aLoopHandsOutWhatHasComeAndEnds() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await Self.fill(connection, "q", 40)
                let receiver = connection.receiver(from: "q", window: 10)
                var numbers: [Int] = []
                for try await delivery in receiver {
                    numbers.append(delivery.message.body.value.intValue ?? -1)
                    if numbers.count == 3 { receiver.finish() }
                    // What is done with a message goes on.
                    try await connection.send(delivery.message, to: "done")
                    delivery.accept()
                }
                #expect(numbers == Array(0..<numbers.count))
                #expect((3...23).contains(numbers.count))
                #expect(receiver.waitingCount == 0)
                #expect(try await receiver.next() == nil)
                await receiver.close()
                #expect(broker.status.queue("done")?.waiting == numbers.count)
                #expect(broker.status.queue("q")?.waiting == 40 - numbers.count)
            }
        }
    }

    @Test func batchesEnd() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await Self.fill(connection, "q", 30)
                let receiver = connection.receiver(from: "q", window: 20)
                var count = 0
                // More than there are: the batch is handed out when no more come.
                for try await batch in receiver.batches(of: 100, within: .seconds(3_600)) {
                    count += batch.count
                    receiver.settle(batch)
                    receiver.finish()
                }
                await receiver.close()
                #expect(broker.status.queue("q")?.waiting ?? 0 == 30 - count)
            }
        }
    }

    @Test func allReceiversOfAConnection() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await Self.fill(connection, "a", 2)
                let served = Task {
                    try await connection.serve("service") { Message(body: $0.body.value.intValue ?? 0) }
                }
                let waiting = Task {
                    var count = 0
                    for try await delivery in connection.receiver(from: "a") {
                        count += 1
                        delivery.accept()
                        if count == 2 { connection.finishReceiving() }
                    }
                    return count
                }
                #expect(try await waiting.value == 2)
                try await served.value
                // One that is made now, and one that was made before and not used.
                #expect(try await connection.receiver(from: "a").next() == nil)
                try await connection.withReceiver(from: "a") { receiver in
                    let none = try await receiver.next()
                    #expect(none == nil)
                }
                try await connection.send("still", to: "a")
                connection.finishReceiving()
                // Responses are none of it.
                let other = Task {
                    try await AMQPClient(broker.address).withConnection { connection in
                        try await connection.serve("other") { request in
                            defer { connection.finishReceiving() }
                            return Message(body: request.body.value)
                        }
                    }
                }
                let response = try await connection.request(Message(body: "r"), to: "other")
                #expect(response.body == .value("r"))
                try await other.value
            }
        }
    }

    @Test func aReceiverThatIsNotUsedYet() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await connection.send("a", to: "q")
                let receiver = connection.receiver(from: "q")
                receiver.finish()
                #expect(try await receiver.next() == nil)
                #expect(try await receiver.next(within: .seconds(3_600)) == nil)
                try receiver.grant(5)
                #expect(try await receiver.next() == nil)
                #expect(broker.status.queue("q")?.waiting == 1)
            }
        }
    }

    /// The peer is asked for its credit back, and gets none any more; what comes before its answer is handed out.
    @Test func theCreditIsTakenBack() async throws {
        let bodies = try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 10])
            try peer.send(.transfer(0, Message(body: 0)))
            try peer.expect(.flow, ["drain": true], skipping: .disposition)
            try peer.send(.transfer(1, Message(body: 1)))
            try peer.send(.flow(credit: 0, ["delivery-count": 10, "drain": true]))
            // Nothing but the settlements.
            try peer.expect(.detach, skipping: .disposition)
            try peer.send(.detach())
            try peer.answerClose()
        } asyncClient: { address in
            try await AMQPClient(address).withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 10)
                var bodies: [Int?] = []
                for try await delivery in receiver {
                    if bodies.isEmpty { receiver.finish() }
                    bodies.append(delivery.message.body.value.intValue)
                    delivery.accept()
                }
                await receiver.close()
                return bodies
            }
        }
        #expect(bodies == [0, 1])
    }

    /// The loop ends all the same where the peer keeps its credit; what it sends with that later goes back.
    @Test func aPeerThatDoesNotAnswer() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 10])
            try peer.expect(.flow, ["drain": true])
            // The loop has ended.
            try peer.attachNext(credit: 1)
            try peer.expect(.transfer)
            // Late, and before the answer that the client waits for.
            try peer.send(.transfer(0, Message(body: "late")), .disposition(.accepted, 0))
            try peer.expect(
                .disposition, ["role": true, "first": 0, "state": .state(.released)], skipping: .disposition)
            try peer.answerClose()
        } asyncClient: { address in
            var options = ConnectionOptions()
            options.limits.closeTimeout = .milliseconds(20)
            let client = try AMQPClient(address, options: options)
            try await client.withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 10)
                try await receiver.attach()
                receiver.finish()
                for try await _ in receiver { Issue.record("No message has come.") }
                let sender = connection.sender(to: "q2")
                try await sender.send(Message(body: "the loop has ended"))
                #expect(try await receiver.next() == nil)
            }
        }
    }

    /// Nothing more comes over a connection that is lost while the credit is taken back.
    @Test func aLossMeanwhile() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 10])
            try peer.expect(.flow, ["drain": true])
            peer.close()
            let next = try server.acceptSession()
            try next.attachNext()
            try next.expect(.detach, skipping: .flow)
            try next.send(.detach())
            try next.answerClose()
        } asyncClient: { address in
            try await AMQPClient(address, options: .quick).withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 10)
                try await receiver.attach()
                receiver.finish()
                #expect(try await receiver.next() == nil)
                // The link is there again, and is closed as any other.
                try await receiver.attach()
                await receiver.close()
            }
        }
    }

    /// A message that comes in pieces is taken to its end.
    @Test func streamsEnd() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                for number in 0..<3 { try await connection.send("\(number)", to: "q") }
                let streams = connection.streams(from: "q")
                var count = 0
                for try await delivery in streams {
                    count += 1
                    streams.finish()
                    for try await _ in delivery.body {}
                    delivery.accept()
                }
                #expect(count == 1)
                let waiting = connection.streams(from: "empty")
                async let next = waiting.next()
                try await waiting.attach()
                connection.finishReceiving()
                #expect(try await next == nil)
                #expect(try await connection.streams(from: "q").next() == nil)
                await streams.close()
                #expect(broker.status.queue("q")?.waiting == 2)
            }
        }
    }

    /// A request that is in hand is answered.
    @Test func requestsInHandAreAnswered() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let (begun, begin) = AsyncStream.makeStream(of: Void.self)
                let (finished, finish) = AsyncStream.makeStream(of: Void.self)
                let server = Task {
                    try await AMQPClient(broker.address).withConnection { connection in
                        try await connection.serve("service") { request in
                            connection.finishReceiving()
                            begin.finish()
                            for await _ in finished {}
                            return Message(body: request.body.value)
                        }
                    }
                }
                async let response = connection.request(Message(body: "r"), to: "service")
                for await _ in begun {}
                finish.finish()
                #expect(try await response.body == .value("r"))
                try await server.value
            }
        }
    }
}
