// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// The async client against a broker: messages both ways, credit, requests, scopes.
@Suite(.timeLimit(.minutes(1)))
struct ClientTests {
    @Test func theProgramOfTheDocumentation() async throws {
        try await withBroker { broker in
            let body: Message.Body? = try await AMQPClient(broker.address).withConnection { connection in
                try await connection.send("Hello World!", to: "examples")
                for try await delivery in connection.receiver(from: "examples") {
                    delivery.accept()
                    return delivery.message.body
                }
                return nil
            }
            #expect(body == .value(.string("Hello World!")))
            #expect(broker.status.messages == 0)
        }
    }

    @Test func messagesArriveInOrderAndOnce() async throws {
        try await withBroker { broker in
            let received = try await AMQPClient(broker.address).withConnection { connection in
                async let sent: Void = connection.withSender(to: "q") { sender in
                    var receipts: [SendReceipt] = []
                    for number in 0..<5_000 { receipts.append(try await sender.submit(Message(body: number))) }
                    for receipt in receipts { #expect(try await receipt.outcome == .accepted) }
                }
                var numbers: [Int] = []
                for try await delivery in connection.receiver(from: "q", window: 20) {
                    numbers.append(delivery.message.body.value.intValue ?? -1)
                    delivery.accept()
                    if numbers.count == 5_000 { break }
                }
                try await sent
                return numbers
            }
            #expect(received == Array(0..<5_000))
        }
    }

    @Test func batchesInOneGo() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let sender = connection.sender(to: "q")
                let receipts = try await sender.submit(contentsOf: (0..<500).map { Message(body: $0) })
                for receipt in receipts { #expect(try await receipt.outcome == .accepted) }
                let receiver = connection.receiver(from: "q", window: 200)
                var numbers: [Int] = []
                for try await batch in receiver.batches(of: 64, within: .milliseconds(200)) {
                    #expect((1...64).contains(batch.count))
                    numbers += batch.compactMap { $0.message.body.value.intValue }
                    receiver.settle(batch)
                    if numbers.count == 500 { break }
                }
                #expect(numbers == Array(0..<500))
            }
        }
    }

    /// What a loop leaves goes back to the queue, and comes to the next one.
    @Test func leavingALoopLosesNothing() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let sender = connection.sender(to: "q")
                for receipt in try await sender.submit(contentsOf: (0..<50).map { Message(body: $0) }) {
                    _ = try await receipt.outcome
                }
                for try await delivery in connection.receiver(from: "q", window: 30) {
                    delivery.accept()
                    break
                }
                var rest: Set<Int> = []
                for try await delivery in connection.receiver(from: "q") {
                    rest.insert(delivery.message.body.value.intValue ?? -1)
                    delivery.accept()
                    if rest.count == 49 { break }
                }
                #expect(rest == Set(1..<50))
            }
        }
    }

    /// The peer sends no more than the window ahead of what is settled.
    @Test func theWindowIsTheBound() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let sender = connection.sender(to: "q")
                for receipt in try await sender.submit(contentsOf: (0..<200).map { Message(body: $0) }) {
                    _ = try await receipt.outcome
                }
                try await connection.withReceiver(from: "q", window: 10) { receiver in
                    var held: [AMQPDelivery] = []
                    while held.count < 10, let delivery = try await receiver.next() { held.append(delivery) }
                    #expect(try await receiver.next(within: .milliseconds(50)) == nil)
                    #expect(receiver.waitingCount == 0)
                    // Settled elsewhere, and after the loop.
                    let first = held[0..<5]
                    await Task { for delivery in first { delivery.accept() } }.value
                    for _ in 0..<5 { #expect(try await receiver.next(within: .seconds(10)) != nil) }
                    #expect(try await receiver.next(within: .milliseconds(50)) == nil)
                }
            }
        }
    }

    @Test func creditByHandAndDrains() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                for number in 0..<5 { try await connection.send(Message(body: number), to: "q") }
                try await connection.withReceiver(from: "q", window: 0) { receiver in
                    #expect(try await receiver.next(within: .milliseconds(50)) == nil)
                    try receiver.grant(3)
                    for number in 0..<3 {
                        let delivery = try await receiver.next(within: .seconds(10))
                        #expect(delivery?.message.body == Message.Body.value(.long(Int64(number))))
                        delivery?.accept()
                    }
                    try receiver.grant(10)
                    try await receiver.drain()
                    #expect(receiver.waitingCount == 2)
                    #expect(throws: ProtonError.self) { try receiver.grant(0) }
                }
            }
        }
    }

    @Test func outcomesOfTheReceiver() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await connection.send("one", to: "q")
                let receiver = connection.receiver(from: "q", window: 1)
                let first = try #require(try await receiver.next())
                first.release(delivered: true)
                let again = try #require(try await receiver.next())
                #expect(again.message.deliveryCount == 1)
                again.reject(Condition("app:no", "not wanted"))
                #expect(try await receiver.next(within: .milliseconds(50)) == nil)
                await receiver.close()
                #expect(broker.status.messages == 0)
            }
        }
    }

    @Test func requestsAtOnce() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let server = Task {
                    try await AMQPClient(broker.address).withConnection { connection in
                        try await connection.serve("service", concurrency: 4) { request in
                            let text = request.body.value.stringValue ?? ""
                            if text == "r13" { throw Delivery.Reject(Condition("app:unlucky")) }
                            return Message(body: text.uppercased())
                        }
                    }
                }
                let answers = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
                    for number in 0..<100 where number != 13 {
                        group.addTask {
                            let response = try await connection.request(Message(body: "r\(number)"), to: "service")
                            return (number, response.body.value.stringValue)
                        }
                    }
                    return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
                }
                let others = (0..<100).filter { $0 != 13 }
                #expect(answers == Dictionary(uniqueKeysWithValues: others.map { ($0, "R\($0)") }))
                // One that is not answered is in doubt, when its time is up.
                await #expect(throws: AMQPSendError.self) {
                    try await connection.request(Message(body: "r13"), to: "service", timeout: .milliseconds(200))
                }
                server.cancel()
                try await server.value
                _ = try await broker.wait { $0.queue("service")?.waiting == 0 }
            }
        }
    }

    @Test func aRequestThatNobodyAnswers() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                // The time of the first may be over before its links are attached; those that follow find them there.
                var causes: [any Error] = []
                while causes.isEmpty {
                    let error = await #expect(throws: AMQPSendError.self) {
                        try await connection.request(Message(body: 1), to: "q", timeout: .milliseconds(200))
                    }
                    if case .inDoubt(let cause) = error { causes.append(cause) }
                    if case .refused = error { return }
                }
                #expect((causes.first as? ProtonError)?.code == .timedOut)
            }
        }
    }

    @Test func transactions() async throws {
        struct Oops: Error {}
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await connection.send("in", to: "in")
                let receiver = connection.receiver(from: "in", window: 1)
                await #expect(throws: Oops.self) {
                    try await connection.withTransaction { transaction in
                        let delivery = try #require(try await receiver.next())
                        try await transaction.send(Message(body: "lost"), to: "out")
                        transaction.accept(delivery)
                        throw Oops()
                    }
                }
                #expect(broker.status.queue("out")?.waiting == 0)
                let number = try await connection.withTransaction { transaction in
                    // It has come back.
                    let delivery = try #require(try await receiver.next())
                    try await transaction.send(Message(body: "out"), to: "out")
                    transaction.accept(delivery)
                    return 17
                }
                #expect(number == 17)
                #expect(broker.status.queue("out")?.waiting == 1 && broker.status.queue("in")?.bytes == 0)
            }
        }
    }

    // MARK: What goes wrong

    @Test func nobodyListens() async throws {
        let port = try HeldPort()
        let error = await #expect(throws: ProtonError.self) {
            var options = ConnectionOptions()
            options.reconnect = nil
            _ = try await AMQPClient("127.0.0.1:\(port.number)", options: options).connect()
        }
        #expect(error?.code == .connectFailed)
        let late = await #expect(throws: ProtonError.self) {
            _ = try await AMQPClient("127.0.0.1:\(port.number)", timeout: .seconds(2)).connect()
        }
        #expect(late?.code == .timedOut && late?.message.contains("Cannot connect") == true)
    }

    @Test func whatIsThrownInAScopeComesOut() async throws {
        struct Oops: Error {}
        try await withBroker { broker in
            await #expect(throws: Oops.self) {
                try await AMQPClient(broker.address).withConnection { connection in
                    try await connection.withSender(to: "q") { _ in throw Oops() }
                }
            }
            _ = try await broker.wait { $0.connections.isEmpty }
        }
    }

    @Test func cancellationOfWhatWaits() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let receiver = connection.receiver(from: "q")
                let waiting = Task { try await receiver.next() }
                let request = Task { try await connection.request(Message(body: 1), to: "r") }
                _ = try await broker.wait { $0.queue("q")?.consumers == 1 && $0.queue("r")?.waiting == 1 }
                waiting.cancel()
                request.cancel()
                #expect(try await waiting.value == nil)
                await #expect(throws: AMQPSendError.self) { try await request.value }
                // The receiver lives on.
                try await connection.send("after", to: "q")
                #expect(try await receiver.next()?.message.body == .value(.string("after")))
            }
        }
    }
}
