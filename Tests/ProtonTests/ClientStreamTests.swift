// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// Bodies that are sent from a sequence, and taken in pieces.
@Suite(.timeLimit(.minutes(2)))
struct ClientStreamTests {
    /// A body of pieces that counts how many were asked for.
    struct Pieces: AsyncSequence, Sendable {
        let count: Int
        let size: Int
        let asked = SharedCount()
        var fails = false

        struct Oops: Error {}

        struct AsyncIterator: AsyncIteratorProtocol {
            let pieces: Pieces
            var number = 0

            mutating func next() async throws -> [UInt8]? {
                guard number < pieces.count else {
                    if pieces.fails { throw Oops() }
                    return nil
                }
                number += 1
                pieces.asked.value.withLock { $0 += 1 }
                return Array(repeating: UInt8(truncatingIfNeeded: number), count: pieces.size)
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: self) }
    }

    final class SharedCount: Sendable {
        let value = UncheckedMutex(0)
    }

    private static func body(_ delivery: AMQPStreamDelivery) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await piece in delivery.body { bytes += piece }
        return bytes
    }

    @Test func throughTheBroker() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                var message = Message()
                message.subject = "large"
                try await connection.send(streaming: Pieces(count: 50, size: 60_000), message, to: "q")
                try await connection.send(streaming: Pieces(count: 0, size: 0), to: "q")
                try await connection.send("text", to: "q")
                let streams = connection.streams(from: "q", buffer: 20_000)
                let first = try #require(try await streams.next())
                #expect(first.message.subject == "large")
                let bytes = try await Self.body(first)
                #expect(bytes.count == 3_000_000 && bytes.last == 50)
                first.accept()
                let second = try #require(try await streams.next())
                #expect(try await Self.body(second).isEmpty)
                second.accept()
                // A body that is no data comes whole.
                let third = try #require(try await streams.next())
                #expect(third.message.body == "text")
                #expect(try await Self.body(third).isEmpty)
                third.accept()
                await streams.close()
                #expect(try await streams.next() == nil)
                _ = try await broker.wait { $0.messages == 0 }
            }
        }
    }

    /// What is not settled comes again, also where its body was not taken to the end.
    @Test func theNextOneGivesTheLastOneBack() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                for number in 1...2 {
                    try await connection.send(streaming: Pieces(count: number, size: 100_000), to: "q")
                }
                let streams = connection.streams(from: "q", buffer: 1_000)
                let first = try #require(try await streams.next())
                #expect(try await first.body.first { _ in true } != nil)
                _ = try #require(try await streams.next())
                await #expect(throws: ProtonError.self) { try await Self.body(first) }
                await streams.close()
                var sizes: Set<Int> = []
                try await connection.withReceiver(from: "q") { receiver in
                    for _ in 0..<2 {
                        let delivery = try #require(try await receiver.next())
                        sizes.insert(delivery.message.body.bytes?.count ?? 0)
                        delivery.accept()
                    }
                }
                #expect(sizes == [100_000, 200_000])
            }
        }
    }

    /// A body that throws, and a task that is cancelled, take the message back.
    @Test func whatIsNotWholeIsNotSent() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let error = await #expect(throws: AMQPSendError.self) {
                    try await connection.send(streaming: Pieces(count: 5, size: 50_000, fails: true), to: "q")
                }
                guard case .notSent(is Pieces.Oops) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                let endless = Pieces(count: .max, size: 50_000)
                let task = Task { try await connection.send(streaming: endless, to: "q") }
                while endless.asked.value.withLock({ $0 }) < 10 { await Task.yield() }
                task.cancel()
                let cancelled = await #expect(throws: AMQPSendError.self) { try await task.value }
                guard case .notSent = cancelled else {
                    Issue.record("\(String(describing: cancelled))")
                    return
                }
                try await connection.send("whole", to: "q")
                #expect(broker.status.messages == 1)
            }
        }
    }

    /// The program's pace is that of the peer, so that neither side holds the message.
    @Test func nobodyHoldsItWhole() async throws {
        let body = Pieces(count: 4_000, size: 16_384)
        let received = UncheckedMutex((count: 0, mostAhead: 0))
        try await ServerTests.withServer { listener in
            for await request in listener {
                let connection = try await request.accept()
                for await request in connection.linkRequests {
                    guard case .sender(let request) = request else { continue }
                    let streams = try request.acceptStreams(buffer: 10_000)
                    let delivery = try #require(try await streams.next())
                    for try await piece in delivery.body {
                        let asked = body.asked.value.withLock { $0 } * body.size
                        received.withLock { received in
                            received.count += piece.count
                            received.mostAhead = max(received.mostAhead, asked - received.count)
                        }
                    }
                    delivery.accept()
                }
            }
        } client: { address in
            try await AMQPClient(address).withConnection { connection in
                let outcome = try await connection.send(streaming: body, to: "q")
                #expect(outcome == .accepted)
            }
        }
        let (count, mostAhead) = received.withLock { $0 }
        #expect(count == 4_000 * 16_384)
        // What is under way: the windows of both sessions, and what the sockets hold.
        #expect(mostAhead < 24_000_000)
    }

    /// A message that is lost with the connection comes again from its beginning: before it is asked for, or after.
    @Test(arguments: [false, true])
    func aConnectionThatIsLost(_ asksLate: Bool) async throws {
        let isSeen = Monitor(false)
        try await withScriptedServer { server in
            func accept() throws -> ScriptedPeer {
                let peer = try server.accept()
                try peer.handshake()
                try peer.send(.begin(answering: peer.expect(.begin)))
                try peer.send(.attach(answering: peer.expect(.attach)))
                try peer.expect(.flow)
                return peer
            }
            let encoded = try Message(body: .data([1, 2, 3, 4])).encoded()
            // Once before the program has seen the message, once after.
            let first = try accept()
            try first.send(.transfer(0, payload: Array(encoded[..<2]), ["more": true]))
            first.close()
            let second = try accept()
            try second.send(.transfer(0, payload: Array(encoded[..<7]), ["more": true]))
            _ = isSeen.wait(until: Deadline(after: .seconds(30))) { $0 ? true : nil }
            second.close()
            let third = try accept()
            try third.send(.transfer(0, payload: encoded))
            try third.expect(.disposition, skipping: .flow)
            try third.expect(.close, skipping: .detach, .end, .flow)
            try third.send(.close())
        } asyncClient: { address in
            var options = ConnectionOptions.quick
            options.limits.closeTimeout = .seconds(1)
            try await AMQPClient(address, options: options).withConnection { connection in
                let streams = connection.streams(from: "q")
                let lost = try #require(try await streams.next())
                isSeen.withLock { $0 = true }
                await #expect(throws: ProtonError.self) { try await Self.body(lost) }
                while asksLate, streams.incoming.waitingCount == 0 { await Task.yield() }
                let again = try #require(try await streams.next())
                #expect(try await Self.body(again) == [1, 2, 3, 4])
                again.accept()
            }
        }
    }

    @Test func sessionsOfTheirOwn() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await connection.withSession { session in
                    let sender = connection.sender(to: "q", on: session)
                    try await sender.send(encoding: ["a": 1])
                    try await connection.withReceiver(from: "q", on: session) { receiver in
                        let delivery = try #require(try await receiver.next())
                        #expect(try delivery.decode([String: Int].self) == ["a": 1])
                        delivery.accept()
                    }
                    session.close()
                    let error = await #expect(throws: AMQPSendError.self) { try await sender.send("x") }
                    guard case .notSent = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    let late = await #expect(throws: ProtonError.self) {
                        try await connection.sender(to: "q", on: session).attach()
                    }
                    #expect(late?.code == .closed)
                }
                // The others are not concerned.
                try await connection.send("y", to: "q")
                struct Wrong: Encodable {
                    func encode(to encoder: any Encoder) throws { throw Pieces.Oops() }
                }
                let wrong = await #expect(throws: AMQPSendError.self) {
                    try await connection.send(encoding: Wrong(), to: "q")
                }
                guard case .notSent = wrong else {
                    Issue.record("\(String(describing: wrong))")
                    return
                }
            }
        }
    }
}
