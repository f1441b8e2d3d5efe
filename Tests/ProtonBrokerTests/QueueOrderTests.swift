// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a message's header and annotations do in a queue: urgent messages go first, some wait, and some expire.
struct QueueOrderTests {
    @Test func urgentMessagesGoFirst() throws {
        var queue = QueueHarness()
        for (text, priority) in [("a", 4), ("b", 9), ("c", 0), ("d", 9), ("e", 4)] as [(String, UInt8)] {
            try queue.put(Message(body: text, priority: priority))
        }
        #expect(queue.takeAll() == ["b", "d", "a", "e", "c"])
    }

    @Test func expiredMessagesAreDropped() throws {
        var queue = QueueHarness()
        let times: [(String, Duration?)] = [
            ("a", .milliseconds(10)), ("b", nil), ("c", .milliseconds(5)), ("d", .seconds(50)),
        ]
        for (text, time) in times { try queue.put(Message(body: text, timeToLive: time)) }
        #expect(queue.drops.isEmpty && queue.wakeTime == 5)
        queue.pass(5)
        #expect(queue.drops == [.expired: 1] && queue.wakeTime == 10)
        #expect(queue.state.heldMessages == 3 && queue.state.departures == 1)
        // What a consumer has is dropped when it comes back.
        _ = queue.join(credit: 1)
        let sent = try #require(queue.send().first)
        queue.pass(5)
        #expect(queue.drops == [.expired: 1])
        queue.settle(sent, .released)
        #expect(queue.drops == [.expired: 2])
        #expect(queue.takeAll() == ["b", "d"])
        #expect(queue.state.heldBytes == 0)
    }

    @Test func messagesExpireAtTheEarlierOfTwoTimes() throws {
        var queue = QueueHarness()
        let now = QueueClock(queue.clock).timeOfDay
        for (text, timeToLive, expiry) in [("a", 50, 20), ("b", 20, 50), ("c", 50, 60)] as [(String, Int, Int64)] {
            var message = Message(body: text, timeToLive: .milliseconds(timeToLive))
            message.expiryTime = Timestamp(milliseconds: now + expiry)
            try queue.put(message)
        }
        // The clock of the day was read a little before the queue's.
        queue.pass(30)
        #expect(queue.drops == [.expired: 2])
        queue.pass(20)
        #expect(queue.drops == [.expired: 3])
    }

    @Test(arguments: [true, false]) func expiredMessagesMayBeDeadLetters(isWanted: Bool) throws {
        var queue = QueueHarness {
            $0.deadLetterAddress = "dead"
            $0.deadLettersExpired = isWanted
        }
        try queue.put(Message(body: "a", timeToLive: .milliseconds(1)))
        queue.pass(1)
        #expect(queue.deadLetters.map(\.reason) == (isWanted ? [.expired] : []))
        #expect(queue.drops == (isWanted ? [:] : [.expired: 1]))
        #expect(queue.state.heldMessages == 0)
    }

    @Test func messagesWaitForTheirTime() throws {
        var queue = QueueHarness()
        let now = QueueClock(queue.clock).timeOfDay
        let annotations: [(String, Annotations)] = [
            ("a", ["x-opt-delivery-delay": 50]), ("b", [:]), ("c", ["x-opt-delivery-time": .long(now + 20)]),
            ("d", ["x-opt-scheduled-enqueue-time": .timestamp(Timestamp(milliseconds: now + 1_000))]),
            ("e", ["x-opt-delivery-delay": -3]), ("f", ["x-opt-delivery-time": .long(.min)]),
            ("g", ["x-opt-delivery-delay": .long(.max)]), ("h", ["x-opt-other": 1]),
        ]
        for (text, annotations) in annotations { try queue.put(Message(body: text, annotations: annotations)) }
        #expect(queue.state.waitingCount == 8)
        #expect(queue.takeAll() == ["b", "e", "f", "h"])
        queue.pass(21)
        #expect(queue.takeAll() == ["c"])
        queue.pass(980)
        #expect(queue.takeAll() == ["a", "d"], "each has its place by its arrival")
        #expect(queue.state.waitingCount == 1)
    }

    @Test func theTimesOfMessagesThatLeftAreForgotten() throws {
        var queue = QueueHarness()
        let bytes = try Message(body: "x", timeToLive: .seconds(60)).encoded()
        for _ in 0..<5_000 {
            queue.put(bytes)
            #expect(queue.takeAll().count == 1)
        }
        #expect(queue.state.heldMessages == 0)
        // They were made anew: what is left goes off in one step.
        queue.pass(60_000)
        #expect(queue.state.times.isEmpty && queue.drops.isEmpty)
    }

    /// A message that is redelivered again and again notes its expiry each time.
    @Test func redeliveriesOfAMessageThatExpiresLeaveNothing() throws {
        var queue = QueueHarness()
        try queue.put(Message(body: "x", timeToLive: .seconds(60)))
        let consumer = queue.join()
        for _ in 0..<5_000 {
            queue.setCredit(1, of: consumer)
            let sent = try #require(queue.send().first)
            queue.settle(sent, .released)
        }
        #expect(queue.state.times.count <= 1_025)
    }
}

extension QueueTimes {
    /// How many notes there are.
    fileprivate var count: Int {
        var copy = self
        var count = 0
        while copy.popDue(at: .max) != nil { count += 1 }
        return count
    }
}
