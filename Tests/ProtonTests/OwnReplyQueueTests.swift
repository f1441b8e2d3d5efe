// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Requests whose responses come to a queue of the program's own.
@Suite(.timeLimit(.minutes(1)))
struct OwnReplyQueueTests {
    private static func answer(_ delivery: AMQPDelivery, on connection: AMQPConnection) async throws {
        let request = delivery.message
        var response = Message(body: "\(request.body)".uppercased())
        response.correlationID = request.correlationID
        try await connection.send(response, to: try #require(request.replyTo))
        delivery.accept()
    }

    @Test func manyAtOnce() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                // A response to somebody who is gone.
                try await connection.send("old", to: "mine")
                let service = Task { try await connection.serve("upper") { Message(body: "\($0.body)".uppercased()) } }
                try await withThrowingTaskGroup { group in
                    for number in 0..<100 {
                        group.addTask {
                            let queue = number % 3 == 0 ? nil : "mine"
                            let response = try await connection.request(
                                Message(body: "r\(number)"), to: "upper", replyTo: queue)
                            #expect(response.body.value.stringValue == "R\(number)")
                        }
                    }
                    try await group.waitForAll()
                }
                service.cancel()
                _ = await service.result
                #expect(network.status.queue("mine")?.waiting ?? 0 == 0)
            }
        }
    }

    /// The queue outlives the connection: a response that is sent meanwhile comes.
    @Test func aLossLosesNoResponse() async throws {
        try await withMemoryNetwork { network in
            var options = ConnectionOptions()
            options.reconnect = Backoff(waits: [.seconds(10), .seconds(10)])
            try await network.client(options: options).withConnection { connection in
                let task = Task {
                    try await connection.request(
                        Message(body: "a"), to: "upper", replyTo: "mine", timeout: .seconds(60))
                }
                try await network.wait { $0.queue("upper")?.waiting == 1 }
                await network.rest()
                await network.cut()
                try await network.client().withConnection { other in
                    let receiver = other.receiver(from: "upper")
                    try await Self.answer(try #require(try await receiver.next()), on: other)
                }
                try await network.advance(by: .seconds(10))
                #expect(try await task.value.body == "A")
            }
        }
    }
}
