// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a queue makes of the messages that a store has kept, also of those that no broker has written like that.
struct QueueRestoreTests {
    private func restore(_ queue: inout QueueHarness, _ messages: [StoredMessage]) {
        for message in messages { queue.change { $0.restore(message, &$1) } }
    }

    @Test(arguments: [.min, -1, 0, .max] as [Int64]) func anyTimeOfArrivalIsTaken(arrival: Int64) throws {
        for timeToLive in [nil, .zero, .seconds(4_000_000)] as [Duration?] {
            var queue = QueueHarness()
            var delayed = Message(body: "a", isDurable: true, timeToLive: timeToLive)
            delayed.annotations["x-opt-delivery-delay"] = .long(.max)
            for expiry in [nil, .min, 0, 1, .max] as [Int64?] {
                delayed.expiryTime = expiry.map { Timestamp(milliseconds: $0) }
                let plain = Message(body: "b", isDurable: true, timeToLive: timeToLive)
                for message in [delayed, plain] {
                    let place = queue.state.arrivals
                    restore(
                        &queue,
                        [
                            StoredMessage(
                                queue: 1, place: place, arrival: Timestamp(milliseconds: arrival),
                                bytes: try message.encoded())
                        ])
                }
            }
            queue.pass(1)
            #expect(queue.state.waitingCount <= 10)
            _ = queue.takeAll()
        }
    }

    @Test func keepsPlacesAndWhatFailed() throws {
        var queue = QueueHarness { $0.isDurable = true }
        for (text, priority) in [("a", 4), ("b", 9), ("c", 4)] as [(String, UInt8)] {
            try queue.put(Message(body: text, isDurable: true, priority: priority))
        }
        let consumer = queue.join(credit: 1)
        let sent = try #require(queue.send().first)
        #expect(sent.message.text == "b")
        queue.settle(sent, .modified(deliveryFailed: true, annotations: ["x-opt-why": "none"]))
        queue.leave(consumer)
        var (stored, details): ([StoredMessage], [UInt64: [UInt8]]) = ([], [:])
        for change in queue.changes {
            switch change {
            case .add(let message): stored.append(message)
            case .update(_, let place, let bytes): details[place] = bytes
            default: break
            }
        }
        for index in stored.indices { stored[index].details = details[stored[index].place] ?? [] }
        var again = QueueHarness(isStored: true) { $0.isDurable = true }
        restore(&again, stored.sorted { $0.place < $1.place })
        #expect(again.changes.isEmpty)
        #expect(again.state.heldBytes == queue.state.heldBytes)
        try again.put(Message(body: "d"))
        _ = again.join(credit: 10)
        let messages = again.send().map(\.message)
        #expect(messages.map(\.text) == ["b", "a", "c", "d"])
        #expect(messages.map(\.failures) == [1, 0, 0, 0])
        #expect(try Message(decoding: messages[0].encoded(at: 0)).annotations["x-opt-why"] == "none")
    }

    @Test func aPlaceThatNoBrokerGivesIsRefused() throws {
        let bytes = try Message(body: "a", isDurable: true).encoded()
        let message = StoredMessage(queue: 1, place: .max, arrival: Timestamp(milliseconds: 0), bytes: bytes)
        var options = BrokerOptions()
        options.store = MemoryStore([.queue(StoredQueue(id: 1, address: "q")), .message(message)])
        let error = #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options) }
        #expect(error?.code == .storeFailed)
    }
}
