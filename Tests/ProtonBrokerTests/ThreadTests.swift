// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import Synchronization
import Testing

/// A broker with several threads: whatever they do at the same time, nothing is lost, doubled or out of order.
struct ThreadTests {
    private func start(_ change: (inout BrokerOptions) -> Void = { _ in }) throws -> Broker {
        var options = BrokerOptions()
        options.threads = 4
        change(&options)
        return try Broker.start(options: options)
    }

    @Test func keepsTheOrderOfEachQueue() throws {
        let broker = try start { $0.creditWindow = 20 }
        defer { broker.stop() }
        let (pairs, count) = (4, 1_000)
        try concurrently(pairs * 2) { index in
            let address = "q\(index % pairs)"
            if index < pairs {
                try broker.send((0..<count).map { Message(body: "\($0)") }, to: address)
            } else {
                let texts = try broker.receive(count, from: address, prefetch: 7).map(\.text)
                #expect(texts == (0..<count).map { "\($0)" })
            }
        }
    }

    @Test func givesEachMessageToOneOfManyConsumers() throws {
        let broker = try start { $0.maxUnsettled = 8 }
        defer { broker.stop() }
        let (senders, receivers, count) = (3, 5, 1_500)
        let seen = Mutex<[String: Int]>([:])
        try concurrently(senders + receivers) { index in
            if index < senders {
                return try broker.send((0..<count).map { Message(body: "\(index) \($0)") }, to: "shared")
            }
            let script = Script(broker, prefetch: 30)
            var number = 0
            script.message = { event in
                number += 1
                if event.message.text == "stop" {
                    event.delivery.settle(.accepted)
                    return script.finish()
                }
                switch number % 7 {
                case 0: event.delivery.settle(.released)
                case 1: event.delivery.settle(.modified(deliveryFailed: true))
                default:
                    let isLast = seen.withLock { seen in
                        seen[event.message.text, default: 0] += 1
                        return seen.count == senders * count
                    }
                    event.delivery.settle(.accepted)
                    if isLast {
                        try broker.send(Array(repeating: Message(body: "stop"), count: receivers), to: "shared")
                    }
                }
            }
            try script.run { try $0.createReceiver($1, "shared") }
        }
        let total = seen.withLock { $0 }
        #expect(total.count == senders * count)
        #expect(total.values.allSatisfy { $0 == 1 })
    }
}
