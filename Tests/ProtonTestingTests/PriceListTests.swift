// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// The program that is tested: asks a service for prices, up to three times, a minute each.
struct PriceList {
    let connection: AMQPConnection

    func price(of item: String) async throws -> String? {
        for _ in 1...3 {
            do {
                let response = try await connection.request(Message(body: item), to: "prices", timeout: .seconds(60))
                return "\(response.body)"
            } catch AMQPSendError.inDoubt {
                // No answer: to ask again does no harm.
            }
        }
        return nil
    }
}

struct PriceListTests {
    /// What the service answers.
    private static func answer(_ request: Message) -> Message { Message(body: "\(request.body): 5.00") }

    /// Through the broker, with a service that is another client of it.
    @Test func asksTheService() async throws {
        try await withMemoryNetwork { network in
            let service = Task {
                try await network.client().withConnection { connection in
                    try await connection.serve("prices") { PriceListTests.answer($0) }
                }
            }
            try await network.client().withConnection { connection in
                let price = try await PriceList(connection: connection).price(of: "tea")
                #expect(price == "tea: 5.00")
            }
            service.cancel()
            _ = await service.result
        }
    }

    /// Three minutes pass, each when the program waits for it.
    @Test func givesUpAfterThreeMinutes() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                async let price = PriceList(connection: connection).price(of: "tea")
                for tries in 1...3 {
                    try await network.wait { $0.queue("prices")?.waiting == tries }
                    try await network.advance(by: .seconds(60))
                }
                #expect(try await price == nil)
            }
        }
    }

    /// The broker goes while the program waits, and is there again a while later.
    @Test func asksAgainAfterALoss() async throws {
        try await withMemoryNetwork { network in
            var options = ConnectionOptions()
            options.reconnect = Backoff(waits: [.seconds(10), .seconds(10)])
            try await network.client(options: options).withConnection { connection in
                async let price = PriceList(connection: connection).price(of: "tea")
                try await network.wait { $0.queue("prices")?.waiting == 1 }
                try await network.whileDown { try await network.advance(by: .seconds(10)) }
                try await network.advance(by: .seconds(10))
                let service = Task { try await connection.serve("prices") { PriceListTests.answer($0) } }
                #expect(try await price == "tea: 5.00")
                service.cancel()
                _ = await service.result
            }
        }
    }

    /// With the service as a server of its own, without a broker.
    @Test func asksAServer() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("prices.example").withListener { listener in
                let service = Task { await listener.serve("prices") { PriceListTests.answer($0) } }
                try await network.client("prices.example").withConnection { connection in
                    let price = try await PriceList(connection: connection).price(of: "tea")
                    #expect(price == "tea: 5.00")
                }
                service.cancel()
                await service.value
            }
        }
    }
}
