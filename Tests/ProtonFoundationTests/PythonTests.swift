// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Proton
import ProtonFoundation
import ProtonTesting
import TestPrograms
import Testing

/// Bodies of Data and of JSON, to Debian's Python binding and from it.
struct PythonTests {
    private struct Order: Codable, Equatable {
        var item: String
        var count: Int
        var day: Date
    }

    /// Says what comes, and answers with the like: bytes, JSON as data, and JSON as a text.
    private static let program = """
        import json, sys
        from proton import Message, symbol
        from proton.utils import BlockingConnection
        connection = BlockingConnection(sys.argv[1], timeout=30)
        receiver = connection.create_receiver("to-python")
        data = receiver.receive(timeout=30)
        receiver.accept()
        print(type(data.body).__name__, data.inferred, bytes(data.body))
        order = receiver.receive(timeout=30)
        receiver.accept()
        print(order.content_type, order.inferred, json.loads(bytes(order.body)))
        print(order.id, order.creation_time, order.properties["number"])
        sender = connection.create_sender("to-swift")
        sender.send(Message(body=b"\\x00\\xff", inferred=True))
        reply = {"item": "ink", "count": 2, "day": 86400}
        sender.send(Message(body=json.dumps(reply).encode(), inferred=True, content_type=symbol("application/json")))
        sender.send(Message(body=json.dumps(reply), content_type=symbol("application/json"), id=order.id))
        connection.close()
        """

    private let day = Date(timeIntervalSince1970: 86_400)

    @Test(.timeLimit(.minutes(1)))
    func bothWays() async throws {
        let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
        encoder.dateEncodingStrategy = .secondsSince1970
        encoder.outputFormatting = .sortedKeys
        decoder.dateDecodingStrategy = .secondsSince1970
        let uuid = try #require(UUID(uuidString: "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"))
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                async let printed = onThread { [address = broker.address] in
                    try TestProgram(["/usr/bin/python3", "-c", Self.program, address]).readToGoodEnd()
                }
                try await connection.send(Message(body: .data(Data([0, 1, 255]))), to: "to-python")
                var message = try Message(json: Order(item: "pen", count: 3, day: day), encoder: encoder)
                message.id = MessageID(uuid)
                message.creationTime = Timestamp(day)
                message.properties["number"] = uuid
                try await connection.send(message, to: "to-python")

                let receiver = connection.receiver(from: "to-swift")
                let data = try #require(try await receiver.next())
                data.accept()
                #expect(data.message.bodyData == Data([0, 255]))
                for _ in 0..<2 {
                    let delivery = try #require(try await receiver.next())
                    delivery.accept()
                    let order = try delivery.message.json(as: Order.self, decoder: decoder)
                    #expect(order == Order(item: "ink", count: 2, day: day))
                    if let id = delivery.message.id { #expect(UUID(id) == uuid) }
                }
                let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
                #expect(
                    try await printed == """
                        bytes True b'\\x00\\x01\\xff'
                        application/json True {'count': 3, 'day': 86400, 'item': 'pen'}
                        \(id) 86400.0 \(id)

                        """)
            }
        }
    }
}
