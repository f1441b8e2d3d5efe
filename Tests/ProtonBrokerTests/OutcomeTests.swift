// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import Testing

/// What becomes of messages that consumers had.
struct OutcomeTests {
    /// A message's text and how often it was delivered in vain.
    private struct Seen: Equatable {
        let text: String
        let deliveryCount: UInt32
    }

    /// Takes the messages `a`, `b` and `c`, does something with the first, and goes.
    /// - Returns: what is left in the queue.
    private func afterFirst(_ body: @escaping (Delivery) -> Void) throws -> [Seen] {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", "c", to: "q")
        let script = Script(broker)
        var count = 0
        script.message = { event in
            if count == 0 { body(event.delivery) } else { event.delivery.accept() }
            count += 1
            if count == 2 { script.finish() }
        }
        try script.run { try $0.createReceiver($1, "q").flow(2) }
        try broker.send("end", to: "q")
        var seen: [Seen] = []
        let rest = Script(broker, autoAccepts: true)
        rest.message = { event in
            seen.append(Seen(text: event.message.text, deliveryCount: event.message.deliveryCount))
            if event.message.text == "end" { rest.finish() }
        }
        try rest.run { try $0.createReceiver($1, "q").flow(10) }
        return seen.dropLast()
    }

    @Test func removesWhatIsAccepted() throws {
        #expect(try afterFirst { $0.accept() } == [Seen(text: "c", deliveryCount: 0)])
    }

    @Test func dropsWhatIsRejected() throws {
        #expect(try afterFirst { $0.reject(Condition(.internalError)) } == [Seen(text: "c", deliveryCount: 0)])
    }

    @Test func returnsWhatIsReleased() throws {
        #expect(
            try afterFirst { $0.settle(.released) }
                == [Seen(text: "a", deliveryCount: 0), Seen(text: "c", deliveryCount: 0)])
    }

    @Test func returnsWhatIsModified() throws {
        #expect(
            try afterFirst { $0.settle(.modified(deliveryFailed: true)) }
                == [Seen(text: "a", deliveryCount: 1), Seen(text: "c", deliveryCount: 0)])
        #expect(
            try afterFirst { $0.settle(.modified(deliveryFailed: false)) }
                == [Seen(text: "a", deliveryCount: 0), Seen(text: "c", deliveryCount: 0)])
    }

    @Test func returnsWhatIsSettledWithoutAnOutcome() throws {
        #expect(
            try afterFirst { $0.settle() } == [Seen(text: "a", deliveryCount: 0), Seen(text: "c", deliveryCount: 0)])
    }

    @Test func returnsWhatALeavingConsumerHad() throws {
        #expect(
            try afterFirst { _ in } == [Seen(text: "a", deliveryCount: 0), Seen(text: "c", deliveryCount: 0)])
    }

    @Test func settlesAnOutcomeThatThePeerHasNotSettled() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let script = Script(broker)
        script.message = { $0.delivery.update(.accepted) }
        script.settled = { _ in script.finish() }
        try script.run { try $0.createReceiver($1, "q").flow(1) }
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test func countsEveryFailure() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send([Message(id: 1, body: "a", isDurable: true, deliveryCount: 3)], to: "q")
        let script = Script(broker)
        var counts: [UInt32] = []
        script.message = { event in
            #expect(event.message.isDurable)
            #expect(event.message.id == 1)
            counts.append(event.message.deliveryCount)
            if counts.count < 4 {
                event.delivery.release(delivered: true)
            } else {
                event.delivery.accept()
                script.finish()
            }
        }
        try script.run { try $0.createReceiver($1, "q").flow(10) }
        #expect(counts == [3, 4, 5, 6])
    }
}
