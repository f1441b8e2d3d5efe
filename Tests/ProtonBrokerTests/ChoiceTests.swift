import AMQP
import Testing

@testable import ProtonBroker

/// What consumers get that do not take any message: those with a selector, browsers, and those that refused something.
struct ChoiceTests {
    private static func bytes(_ number: Int, _ colour: String) throws -> [UInt8] {
        try Message(id: MessageID(number), body: .value(.int(Int32(number))), properties: ["colour": .string(colour)])
            .encoded()
    }

    private func makeQueue(_ colours: String...) throws -> Queue<Consumer> {
        var queue = Queue<Consumer>()
        for (number, colour) in colours.enumerated() { queue.add(try ChoiceTests.bytes(number, colour)) }
        return queue
    }

    private func join(
        _ queue: inout Queue<Consumer>, _ selector: String? = nil, isBrowser: Bool = false, credit: Int = 100
    ) throws -> Consumer {
        let consumer = Consumer(choice: Choice(selector: try selector.map { try Selector($0) }, isBrowser: isBrowser))
        queue.addChooser(consumer)
        queue.setCredit(credit, of: consumer)
        return consumer
    }

    /// The positions of what a consumer gets now.
    private func dispatch(_ queue: inout Queue<Consumer>, to consumer: Consumer) -> [QueuedMessage] {
        var messages: [QueuedMessage] = []
        while let (next, message) = queue.next() { if next === consumer { messages.append(message) } }
        return messages
    }

    @Test func aSelectorTakesWhatMatchesAndLeavesTheRest() throws {
        var queue = try makeQueue("red", "green", "red", "blue", "red")
        let consumer = try join(&queue, "colour = 'red'", credit: 2)
        #expect(dispatch(&queue, to: consumer).map(\.position) == [0, 2])
        queue.setCredit(5, of: consumer)
        queue.add(try ChoiceTests.bytes(5, "green"))
        queue.add(try ChoiceTests.bytes(6, "red"))
        #expect(dispatch(&queue, to: consumer).map(\.position) == [4, 6])
        #expect(consumer.credit == 3)
        let other = Consumer()
        queue.setCredit(10, of: other)
        #expect(dispatch(&queue, to: other).map(\.position) == [1, 3, 5])
    }

    @Test func whatComesBackIsLookedAtAgain() throws {
        var queued = try makeQueue("red", "green", "red")
        let again = try join(&queued, "colour = 'red' AND JMSXDeliveryCount < 3", credit: 1)
        for count in 0..<2 {
            let sent = dispatch(&queued, to: again)
            #expect(sent.map(\.position) == [0])
            #expect(sent.map(\.failures) == [UInt32(count)])
            for message in sent { queued.settle(message, .returned(failed: true)) }
            queued.setCredit(1, of: again)
        }
        // After two failures it matches no more.
        #expect(dispatch(&queued, to: again).map(\.position) == [2])
    }

    @Test func manyThatComeBackAreAllLookedAt() throws {
        var queue = Queue<Consumer>()
        for number in 0..<3_000 { queue.add(try ChoiceTests.bytes(number, number % 2 == 0 ? "red" : "green")) }
        let consumer = try join(&queue, "colour = 'red'", credit: 2_000)
        let sent = dispatch(&queue, to: consumer)
        #expect(sent.count == 1_500)
        queue.setCredit(0, of: consumer)
        for message in sent.shuffled() { queue.settle(message, .returned(failed: false)) }
        queue.setCredit(2_000, of: consumer)
        let isAsBefore = dispatch(&queue, to: consumer).map(\.position) == sent.map(\.position)
        #expect(isAsBefore)
    }

    @Test func bytesThatAreNoMessageMatchNothing() throws {
        var queue = Queue<Consumer>()
        queue.add([1, 2, 3])
        let consumer = try join(&queue, "a IS NOT NULL OR JMSPriority >= 0")
        #expect(dispatch(&queue, to: consumer).isEmpty)
        #expect(queue.waitingCount == 1)
    }

    @Test func aBrowserSeesEachMessageOnceAndTakesNone() throws {
        var queue = try makeQueue("red", "green", "red")
        let (first, second) = (try join(&queue, isBrowser: true, credit: 2), try join(&queue, isBrowser: true))
        var seen: [Int: [UInt64]] = [:]
        while let (consumer, message) = queue.next() {
            seen[consumer === first ? 1 : 2, default: []].append(message.position)
        }
        #expect(seen == [1: [0, 1], 2: [0, 1, 2]])
        #expect(queue.waitingCount == 3)
        queue.add(try ChoiceTests.bytes(3, "blue"))
        queue.setCredit(9, of: first)
        #expect(dispatch(&queue, to: first).map(\.position) == [2, 3])
        #expect(dispatch(&queue, to: second).isEmpty)
        // What a consumer had and gave back, a browser does not see twice.
        let consumer = Consumer()
        queue.setCredit(1, of: consumer)
        let taken = dispatch(&queue, to: consumer)
        for message in taken { queue.settle(message, .returned(failed: false)) }
        #expect(dispatch(&queue, to: first).isEmpty)
        queue.remove(first, failed: false)
        #expect(queue.heldMessages == 4)
    }

    @Test func aBrowserMayHaveASelector() throws {
        var queue = try makeQueue("red", "green", "red")
        let browser = try join(&queue, "colour = 'green'", isBrowser: true)
        #expect(dispatch(&queue, to: browser).map(\.position) == [1])
        #expect(queue.waitingCount == 3)
    }

    @Test func whatAConsumerCannotProcessGoesToOthers() throws {
        var queue = try makeQueue("red", "green")
        let (first, second) = (Consumer(), Consumer())
        queue.setCredit(1, of: first)
        let taken = dispatch(&queue, to: first)
        let message = try #require(taken.first)
        queue.keep(message, from: first)
        queue.settle(message, .returned(failed: true))
        queue.setCredit(5, of: first)
        #expect(dispatch(&queue, to: first).map(\.position) == [1])
        queue.setCredit(5, of: second)
        #expect(dispatch(&queue, to: second).map(\.position) == [0])
    }

    @Test(.timeLimit(.minutes(1)))
    func aHundredThousandMessagesAreLookedAtOnce() throws {
        var queue = Queue<Consumer>()
        for number in 0..<100_000 { queue.add(try ChoiceTests.bytes(number, number % 100 == 7 ? "red" : "green")) }
        let consumer = try join(&queue, "colour = 'red'", credit: 2_000)
        let clock = ContinuousClock()
        var count = 0
        let time = clock.measure { count = dispatch(&queue, to: consumer).count }
        #expect(count == 1_000)
        // The bar of a release build is 0.2 s; this is about the order of it growing, and prints what it took.
        print("a selector over 100,000 messages: \(time)")
        // The quickest of some: a machine that is busy holds up one, not all.
        let again = (0..<5).map { _ in clock.measure { count += dispatch(&queue, to: consumer).count } }.min()
        #expect(count == 1_000)
        #expect(try #require(again) < time)
    }
}
