import AMQP
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a broker makes of a store's file that no broker has written like that.
struct RestoreTests {
    private func message(_ text: String, timeToLive: Duration? = nil) -> Message {
        Message(body: text, isDurable: true, timeToLive: timeToLive)
    }

    @Test(arguments: [.min, -1, 0, .max] as [Int64]) func anyTimeOfArrivalIsTaken(arrival: Int64) throws {
        for timeToLive in [nil, .zero, .seconds(4_000_000)] as [Duration?] {
            var queue = Queue<Consumer>(clock: QueueClock(TestClock()))
            let bytes = try Message(
                body: "a", annotations: ["x-opt-delivery-delay": .long(.max)], isDurable: true, timeToLive: timeToLive
            ).encoded()
            for (place, bytes) in [bytes, try message("b", timeToLive: timeToLive).encoded()].enumerated() {
                queue.restore(
                    StoredMessage(
                        queue: 1, place: UInt64(place), arrival: Timestamp(milliseconds: arrival), bytes: bytes))
            }
            queue.advance()
            #expect(queue.waitingCount <= 2)
        }
    }

    @Test func aPlaceThatNoBrokerGivesIsRefused() throws {
        let bytes = try message("a").encoded()
        let message = StoredMessage(queue: 1, place: .max, arrival: Timestamp(milliseconds: 0), bytes: bytes)
        var options = BrokerOptions()
        options.store = MemoryStore([.queue(StoredQueue(id: 1, address: "q")), .message(message)])
        let error = #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options) }
        #expect(error?.code == .storeFailed)
    }
}
