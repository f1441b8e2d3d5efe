// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import Proton

/// Messages that the async client decodes where they are taken, and tasks on a connection's thread.
@Suite(.timeLimit(.minutes(1)))
struct ClientDecodingTests {
    private static func client(_ address: String) throws -> AMQPClient {
        try AMQPClient(address, options: ConnectionOptions(reconnect: nil))
    }

    // MARK: Sizes

    /// Around those from which on a message is read by other means.
    @Test(arguments: [1, 20]) func messagesOfAllSizesComeAsTheyWere(batch: Int) async throws {
        let sizes = [0, 1, 990, 1_023, 1_024, 1_025, 4_000, 4_095, 4_096, 4_097, 70_000, 3, 300_000, 5]
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let sender = connection.sender(to: "q")
                for (number, size) in sizes.enumerated() {
                    let bytes = [UInt8](repeating: UInt8(number), count: size)
                    try await sender.send(Message(id: .ulong(UInt64(number)), body: .data(bytes)))
                }
                let receiver = connection.receiver(from: "q", window: 2 * sizes.count)
                var count = 0
                for try await deliveries in receiver.batches(of: batch) {
                    for delivery in deliveries {
                        #expect(delivery.message.id == .ulong(UInt64(count)))
                        let bytes = [UInt8](repeating: UInt8(count), count: sizes[count])
                        #expect(delivery.message.body == .data(bytes))
                        count += 1
                    }
                    receiver.settle(deliveries)
                    if count == sizes.count { break }
                }
            }
        }
    }

    // MARK: What is no message

    @Test func aBatchGivesWhatIsValidAndThenTellsOfTheRest() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(
                .transfer(0, Message(body: "first"), handle: attach.handle),
                .transfer(1, payload: [0, 0x53, 0x77, 0xff], handle: attach.handle),
                .transfer(2, Message(body: "third"), handle: attach.handle))
            let rejected = try peer.expect(.disposition, ["first": 1, "settled": true], skipping: .flow).state
            guard case .outcome(.rejected(let condition)) = rejected else {
                throw TestError("It was not rejected: \(String(describing: rejected))")
            }
            #expect(condition?.name == .decodeError)
            try peer.send(.transfer(3, Message(body: "fourth"), handle: attach.handle))
            try peer.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "a", window: 8)
                var batches = receiver.batches(of: 3, within: .seconds(20)).makeAsyncIterator()
                let first = try #require(try await batches.next())
                #expect(first.map(\.message.body.value) == ["first", "third"])
                receiver.settle(first)
                let error = await #expect(throws: ProtonError.self) { try await batches.next() }
                #expect(error?.code == .protocolViolation && error?.underlyingError is CodecError)
                let second = try await receiver.next()
                #expect(second?.message.body.value == "fourth")
            }
        }
    }

    // MARK: On the connection's thread

    @Test func aTaskOnTheThreadSendsReceivesAndAsks() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let queue = try #require(connection.core.queue)
                let serving = Task { try await connection.serve("requests") { Message(body: $0.body) } }
                defer { serving.cancel() }
                try await withTaskExecutorPreference(connection.taskExecutor) {
                    #expect(queue.isIsolatingCurrentContext() == true)
                    let sender = connection.sender(to: "q")
                    var receipts: [SendReceipt] = []
                    for number in 0..<3_000 { receipts.append(try await sender.submit(Message(body: number))) }
                    let receiver = connection.receiver(from: "q", window: 10)
                    for number in 0..<3_000 {
                        let delivery = try #require(try await receiver.next())
                        #expect(delivery.message.body.value.intValue == number)
                        delivery.accept()
                    }
                    for receipt in receipts { #expect(try await receipt.outcome == .accepted) }
                    for number in 0..<200 {
                        let response = try await connection.request(Message(body: number), to: "requests")
                        #expect(response.body.value.intValue == number)
                    }
                    #expect(queue.isIsolatingCurrentContext() == true)
                }
            }
        }
    }

    // MARK: Requests

    @Test func aRequestThatIsRefusedEndsAtOnce() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext(node: "responses")
            try peer.attachNext(credit: 10)
            let request = try peer.expect(.transfer)
            try peer.send(.disposition(.rejected(Condition("test:no", "no")), request.deliveryID))
            try peer.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let error = await #expect(throws: AMQPSendError.self) {
                    try await connection.request(Message(body: "x"), to: "a")
                }
                guard case .refused(.rejected(let condition)) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(condition?.name == "test:no")
            }
        }
    }

    @Test func aRequestThatIsCancelledBeforeThereIsCreditIsTakenBack() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.attachNext(node: "responses")
            // No request comes.
            try peer.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                try await connection.keptSender(to: "a").attach()
                let asking = Task { try await connection.request(Message(body: "x"), to: "a") }
                while connection.keptSender(to: "a").waitingCount < 1 { await Task.yield() }
                asking.cancel()
                let error = await #expect(throws: AMQPSendError.self) { try await asking.value }
                guard case .notSent(let cause) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(cause is CancellationError)
            }
        }
    }
}
