import ProtonTesting
import ProtonUtilities
import Testing

@testable import ProtonBroker

/// A search through a long queue goes on in parts, between which others have their turn.
struct LongSearchTests {
    /// A queue of messages of one colour, but for the last.
    private static func makeQueue(_ count: Int) throws -> Queue<Consumer> {
        var queue = Queue<Consumer>()
        for number in 0..<count {
            let colour = number == count - 1 ? "red" : "green"
            queue.add(try Message(body: .value(.int(Int32(number))), properties: ["colour": .string(colour)]).encoded())
        }
        return queue
    }

    private static func join(_ queue: inout Queue<Consumer>) throws -> Consumer {
        let consumer = Consumer(choice: Choice(selector: try Selector("colour = 'red'")))
        queue.addChooser(consumer)
        queue.setCredit(1, of: consumer)
        return consumer
    }

    @Test func goesOnWhereItWas() throws {
        var queue = try Self.makeQueue(100)
        let consumer = try Self.join(&queue)
        var rounds = 0
        while true {
            queue.looks = 10
            let next = queue.next()
            rounds += 1
            if let next {
                #expect(next.0 === consumer && next.1.position == 99)
                break
            }
            let searching = exchange(&queue.searching, with: [])
            try #require(searching.count == 1 && rounds < 20)
            #expect(consumer.turn == .searching)
            for one in searching { queue.resume(one) }
        }
        #expect(rounds == 10)
        #expect(queue.next() == nil && queue.searching.isEmpty && consumer.turn == .none)
    }

    @Test func othersAreServedMeanwhile() throws {
        var queue = try Self.makeQueue(100)
        let consumer = try Self.join(&queue)
        queue.looks = 10
        #expect(queue.next() == nil)
        let other = Consumer()
        queue.setCredit(2, of: other)
        queue.looks = 10
        for position in 0..<2 as Range<UInt64> {
            let next = queue.next()
            #expect(next?.0 === other && next?.1.position == position)
        }
        // What comes does not hasten it.
        queue.add(try Message(body: "new", properties: ["colour": "red"]).encoded())
        #expect(queue.next() == nil && queue.looks == 10)
        #expect(consumer.turn == .searching)
    }

    @Test func endsWithItsConsumer() throws {
        var queue = try Self.makeQueue(100)
        let consumer = try Self.join(&queue)
        queue.looks = 10
        #expect(queue.next() == nil)
        queue.remove(consumer, failed: false)
        queue.resume(consumer)
        queue.looks = 1_000
        #expect(queue.next() == nil && consumer.turn == .none)
    }

    @Test func hasNoTurnWithoutCredit() throws {
        var queue = try Self.makeQueue(100)
        let consumer = try Self.join(&queue)
        queue.looks = 10
        #expect(queue.next() == nil)
        queue.setCredit(0, of: consumer)
        queue.resume(consumer)
        queue.looks = 1_000
        #expect(queue.next() == nil && queue.looks == 1_000)
        queue.setCredit(1, of: consumer)
        #expect(queue.next()?.1.position == 99)
    }

    /// What happened, in order.
    private final class Journal {
        var events: [String] = []
    }

    /// Waits for a message on another queue.
    private final class Waiting: MessagingHandler {
        private let journal: Journal

        init(_ journal: Journal) { self.journal = journal }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.createReceiver(event.container.connect("broker.invalid"), "other")
        }

        func onMessage(_ event: MessageEvent) {
            journal.events.append("other")
            event.connection.close()
        }
    }

    /// Asks once for what is there of a colour, and ends when the broker says that there is no more.
    private final class Draining: MessagingHandler {
        let options = HandlerOptions(prefetch: 0)
        private let journal: Journal

        init(_ journal: Journal) { self.journal = journal }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect("broker.invalid")
            try event.container.createReceiver(connection, "queue", options: .selector("colour = 'red'"))
        }

        func onLinkOpened(_ event: LinkEvent) throws { try event.receiver?.drain(5) }

        func onMessage(_ event: MessageEvent) { journal.events.append(event.message.body.stringValue ?? "") }

        func onLinkFlow(_ event: LinkEvent) {
            guard let receiver = event.receiver, !receiver.isDraining else { return }
            journal.events.append("drained")
            event.connection.close()
        }
    }

    private final class Filling: MessagingHandler {
        private let address: String
        private let colours: [String]
        private var sent = 0
        private var settled = 0

        init(_ colours: [String], to address: String = "queue") { (self.colours, self.address) = (colours, address) }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.createSender(event.container.connect("broker.invalid"), address)
        }

        func onSendable(_ event: SenderEvent) throws {
            while event.sender.credit > 0, sent < colours.count {
                try event.sender.send(
                    Message(body: "\(sent)", properties: ["colour": .string(colours[sent])]))
                sent += 1
            }
        }

        func onAccepted(_ event: DeliveryEvent) {
            settled += 1
            if settled == colours.count { event.connection.close() }
        }
    }

    /// A drain is over when all of the queue has been looked at, not the first part.
    @Test func isAwaitedByADrain() throws {
        try withBrokerInMemory { broker in
            let colours = (0..<7_000).map { $0 == 3_000 || $0 == 6_999 ? "red" : "green" }
            try broker.start(Filling(colours))
            try broker.run()
            #expect(broker.status.messages == 7_000)
            let journal = Journal()
            try broker.start(Draining(journal))
            try broker.run()
            #expect(journal.events == ["3000", "6999", "drained"])
            #expect(broker.status.messages == 6_998)
        }
    }

    /// A message on another queue does not wait for the end of a search that began when it was sent.
    @Test func leavesOtherConnectionsTheirTurn() throws {
        try withBrokerInMemory { broker in
            let journal = Journal()
            try broker.start(Filling((0..<30_000).map { $0 == 29_999 ? "red" : "green" }))
            try broker.start(Waiting(journal))
            try broker.run()
            try broker.start(Draining(journal))
            try broker.start(Filling(["blue"], to: "other"))
            try broker.run()
            #expect(journal.events == ["other", "29999", "drained"])
        }
    }
}
