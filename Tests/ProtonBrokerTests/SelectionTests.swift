// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What consumers get that do not take any message: those with a selector, browsers, and those that refused something.
struct SelectionTests {
    private func message(_ number: Int, _ colour: String) -> Message {
        Message(body: "\(number)", properties: ["colour": .string(colour)])
    }

    private func makeQueue(_ colours: String...) throws -> QueueHarness {
        var queue = QueueHarness()
        for (number, colour) in colours.enumerated() { try queue.put(message(number, colour)) }
        return queue
    }

    private func selection(_ selector: String? = nil, isBrowser: Bool = false) throws -> Selection {
        Selection(selector: try selector.map { try Selector($0) }, isBrowser: isBrowser)
    }

    @Test func aSelectorTakesWhatMatchesAndLeavesTheRest() throws {
        var queue = try makeQueue("red", "green", "red", "blue", "red")
        let consumer = queue.join(try selection("colour = 'red'"), credit: 2)
        #expect(queue.sendTexts() == ["0", "2"])
        queue.setCredit(5, of: consumer)
        try queue.put(message(5, "green"), message(6, "red"))
        #expect(queue.sendTexts() == ["4", "6"])
        #expect(queue.state.consumers[consumer.index].credit == 3)
        #expect(queue.takeAll() == ["1", "3", "5"])
    }

    @Test func whatComesBackIsLookedAtAgain() throws {
        var queue = try makeQueue("red", "green", "red")
        let consumer = queue.join(try selection("colour = 'red' AND JMSXDeliveryCount < 3"), credit: 1)
        for count in 0..<2 {
            let sent = try #require(queue.send().first)
            #expect(sent.message.text == "0" && sent.message.failures == UInt32(count))
            queue.settle(sent, .modified(deliveryFailed: true))
            queue.setCredit(1, of: consumer)
        }
        // After two failures it matches no more.
        #expect(queue.sendTexts() == ["2"])
    }

    @Test func manyThatComeBackAreAllLookedAt() throws {
        var queue = QueueHarness()
        for number in 0..<3_000 { try queue.put(message(number, number % 2 == 0 ? "red" : "green")) }
        let consumer = queue.join(try selection("colour = 'red'"), credit: 2_000)
        let sent = queue.send()
        #expect(sent.count == 1_500)
        queue.setCredit(0, of: consumer)
        var random = SplitMix(state: 5)
        for one in sent.shuffled(using: &random) { queue.settle(one, .released) }
        queue.setCredit(2_000, of: consumer)
        let isAsBefore = queue.send().map(\.message) == sent.map(\.message)
        #expect(isAsBefore)
    }

    @Test func bytesThatAreNoMessageReadAsAnEmptyOne() throws {
        var queue = QueueHarness()
        queue.put([1, 2, 3])
        _ = queue.join(try selection("a IS NOT NULL"), credit: 10)
        #expect(queue.send().isEmpty && queue.state.waitingCount == 1)
        _ = queue.join(try selection("a IS NULL"), credit: 10)
        #expect(queue.send().count == 1)
    }

    @Test func whatIsTooLargeForAConsumerIsForOthers() throws {
        var queue = QueueHarness()
        queue.put([UInt8](repeating: 0, count: 100))
        queue.put([1])
        _ = queue.join(Selection(maxMessageSize: 99), credit: 10)
        #expect(queue.send().map(\.message.bytes) == [[1]])
        // Which is said once.
        #expect(queue.oversized == 1)
        _ = queue.join(Selection(maxMessageSize: 100), credit: 10)
        #expect(queue.send().map(\.message.bytes.count) == [100])
    }

    @Test func countsWhatIsDecodedForSelectors() throws {
        var queue = try makeQueue("red", "green")
        let before = queue.state.heldBytes
        let consumer = queue.join(try selection("colour = 'none'"), credit: 10)
        #expect(queue.state.heldBytes > before)
        queue.leave(consumer)
        #expect(queue.takeAll() == ["0", "1"])
        #expect(queue.state.heldBytes == 0)
    }

    // MARK: Browsers

    @Test func aBrowserSeesEachMessageOnceAndTakesNone() throws {
        var queue = try makeQueue("red", "green", "red")
        let first = queue.join(try selection(isBrowser: true), credit: 2)
        let second = queue.join(try selection(isBrowser: true), credit: 100)
        var seen: [ConsumerID: [String]] = [:]
        for sent in queue.send() { seen[sent.consumer, default: []].append(sent.message.text) }
        #expect(seen == [first: ["0", "1"], second: ["0", "1", "2"]])
        #expect(queue.state.waitingCount == 3)
        try queue.put(message(3, "blue"))
        queue.setCredit(9, of: first)
        let sent = queue.send()
        #expect(sent.filter { $0.consumer == first }.map(\.message.text) == ["2", "3"])
        #expect(sent.filter { $0.consumer == second }.map(\.message.text) == ["3"])
        queue.leave(first)
        #expect(queue.state.heldMessages == 4)
    }

    /// What a consumer had and gave back a browser does not see twice, however long that takes.
    @Test(arguments: [.released, .modified(deliveryFailed: true)] as [Outcome])
    func aBrowserDoesNotSeeAgainWhatComesBack(outcome: Outcome) throws {
        var queue = QueueHarness { $0.redelivery.delay = .milliseconds(10) }
        try queue.put("a")
        _ = queue.join(try selection(isBrowser: true), credit: 100)
        #expect(queue.sendTexts() == ["a"])
        let consumer = queue.join()
        for _ in 0..<4 {
            queue.setCredit(1, of: consumer)
            let sent = queue.send()
            #expect(sent.map(\.consumer) == [consumer])
            for one in sent { queue.settle(one, outcome) }
            queue.pass(100)
        }
        #expect(queue.send().isEmpty && queue.state.waitingCount == 1)
    }

    @Test func aBrowserSeesLaterWhatItHadNoCreditFor() throws {
        var queue = try makeQueue("red", "red")
        let browser = queue.join(try selection(isBrowser: true), credit: 2)
        queue.setCredit(0, of: browser)
        #expect(queue.send().isEmpty)
        queue.setCredit(9, of: browser)
        #expect(queue.sendTexts() == ["0", "1"])
    }

    @Test func aBrowserMayHaveASelector() throws {
        var queue = try makeQueue("red", "green", "red")
        _ = queue.join(try selection("colour = 'green'", isBrowser: true), credit: 10)
        #expect(queue.sendTexts() == ["1"] && queue.state.waitingCount == 3)
    }

    // MARK: What a consumer cannot process

    @Test func whatAConsumerCannotProcessGoesToOthers() throws {
        var queue = try makeQueue("red", "green")
        let first = queue.join(credit: 1)
        let sent = try #require(queue.send().first)
        queue.settle(sent, .modified(deliveryFailed: true, undeliverableHere: true))
        queue.setCredit(5, of: first)
        #expect(queue.sendTexts() == ["1"])
        _ = queue.join(credit: 5)
        #expect(queue.sendTexts() == ["0"])
    }

    @Test func whatCannotBeSentSinceItIsTooLargeGoesToOthers() throws {
        var queue = try makeQueue("red", "green")
        _ = queue.join(credit: 1)
        queue.refuseOversized(try #require(queue.send().first))
        #expect(queue.oversized == 1)
        // Its credit was not used.
        #expect(queue.sendTexts() == ["1"])
        _ = queue.join(credit: 5)
        #expect(queue.sendTexts() == ["0"])
    }

    // MARK: Long searches

    /// A queue of so many messages, the last of which is red.
    private func makeLongQueue(_ count: Int) throws -> QueueHarness {
        var queue = QueueHarness()
        for number in 0..<count { try queue.put(message(number, number == count - 1 ? "red" : "green")) }
        return queue
    }

    @Test func aLongSearchGoesOnWhereItWas() throws {
        var queue = try makeLongQueue(5_000)
        let consumer = queue.join(try selection("colour = 'red'"), credit: 1)
        var rounds = 0
        while queue.woken.isEmpty {
            try #require(queue.searching == [consumer] && rounds < 10)
            rounds += 1
            queue.searching = []
            queue.change { $0.resumeSearch(for: consumer, &$1) }
        }
        #expect(rounds == 2)
        #expect(queue.sendTexts() == ["4999"] && queue.searching.isEmpty)
    }

    @Test func othersAreServedDuringALongSearch() throws {
        var queue = try makeLongQueue(5_000)
        let consumer = queue.join(try selection("colour = 'red'"), credit: 1)
        let other = queue.join(credit: 2)
        #expect(queue.woken == [other])
        // What comes does not hasten it.
        try queue.put(message(5_000, "red"))
        #expect(queue.searching == [consumer])
        let sent = queue.send()
        #expect(sent.filter { $0.consumer == other }.map(\.message.text) == ["0", "1"])
        #expect(sent.filter { $0.consumer == consumer }.map(\.message.text) == ["4999"])
    }

    @Test func aLongSearchEndsWithItsConsumer() throws {
        var queue = try makeLongQueue(5_000)
        let consumer = queue.join(try selection("colour = 'red'"), credit: 1)
        queue.leave(consumer)
        #expect(queue.send().isEmpty && queue.searching.isEmpty)
        #expect(queue.state.waitingCount == 5_000)
    }

    @Test func aLongSearchHasNoTurnWithoutCredit() throws {
        var queue = try makeLongQueue(5_000)
        let consumer = queue.join(try selection("colour = 'red'"), credit: 1)
        queue.setCredit(0, of: consumer)
        #expect(queue.send().isEmpty && queue.searching.isEmpty)
        queue.setCredit(1, of: consumer)
        #expect(queue.sendTexts() == ["4999"])
    }

    @Test func aDrainWaitsForALongSearch() throws {
        var queue = try makeLongQueue(5_000)
        let consumer = queue.join(try selection("colour = 'red'"))
        queue.setCredit(5, of: consumer, isDraining: true)
        #expect(queue.woken == [consumer] && queue.searching == [consumer])
        queue.woken = []
        let step = queue.next(for: consumer).step
        if case .wait = step {} else { Issue.record("\(step)") }
        #expect(queue.sendTexts() == ["4999"])
        #expect(!queue.state.consumers[consumer.index].isDraining)
    }

    @Test(.timeLimit(.minutes(1))) func manyMessagesAreLookedAtOnce() throws {
        var queue = QueueHarness()
        for number in 0..<20_000 { try queue.put(message(number, number % 100 == 7 ? "red" : "green")) }
        let consumer = queue.join(try selection("colour = 'red'"))
        let clock = ContinuousClock()
        var count = 0
        let time = clock.measure {
            queue.setCredit(2_000, of: consumer)
            count = queue.send().count
        }
        #expect(count == 200)
        let again = (0..<5).map { _ in
            clock.measure {
                queue.setCredit(2_000, of: consumer)
                count += queue.send().count
            }
        }.min()
        #expect(count == 200)
        #expect(try #require(again) < time)
    }
}
