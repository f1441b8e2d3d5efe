// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import Testing

/// Links that are more than a sender to a queue and a consumer of it: selectors, browsers, and the anonymous relay.
struct LinkKindTests {
    @Test func aSelectorIsAppliedAndSaidToBe() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let colours = ["red", "green", "blue", "green"]
        try broker.send(
            colours.map { Message(body: $0, properties: ["colour": .string($0)]) }, to: "q")
        let script = Script(broker, autoAccepts: true)
        var texts: [String] = []
        var filters: AMQPMap = [:]
        script.linkOpened = { filters = $0.remoteSource.filter }
        script.message = { event in
            texts.append(event.message.text)
            if texts.count == 2 { script.finish() }
        }
        try script.run {
            try $0.createReceiver($1, "q", options: .selector("colour = 'green'"), .filter(["other": 1])).flow(10)
        }
        #expect(texts == ["green", "green"])
        #expect(filters.count == 1)
        #expect(try broker.takeAll(from: "q") == ["red", "blue"])
    }

    @Test func aConsumerThatDrainsIsToldThatNothingMatches() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        let script = Script(broker, autoAccepts: true)
        script.message = { Issue.record("\($0.message)") }
        script.flow = { link in if let receiver = link as? Receiver, !receiver.isDraining { script.finish() } }
        try script.run { try $0.createReceiver($1, "q", options: .selector("a = 1")).drain(10) }
        #expect(try broker.takeAll(from: "q") == ["a", "b"])
    }

    @Test func aBrowserSeesWhatIsThereAndWhatComes() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        let script = Script(broker, autoAccepts: true)
        var texts: [String] = []
        script.message = { event in
            texts.append(event.message.text)
            if texts.count == 2 { try broker.send("c", to: "q") }
            if texts.count == 3 { script.finish() }
        }
        try script.run { try $0.createReceiver($1, "q", options: .copy).flow(10) }
        #expect(texts == ["a", "b", "c"])
        #expect(try broker.takeAll(from: "q") == ["a", "b", "c"])
    }

    @Test func theRelaySendsEachMessageToItsAddress() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let messages = [
            Message(body: "1", address: "q"), Message(body: "2", address: "r"), Message(body: "3"),
            Message(body: "4", address: "00000000-0000-4000-8000-000000000000"), Message(body: "5", address: ""),
            Message(body: "6", address: "q"),
        ]
        let script = Script(broker)
        var capabilities: [Symbol] = []
        var outcomes: [Symbol?] = Array(repeating: "none", count: messages.count)
        var numbers: [Delivery: Int] = [:]
        var answers = 0
        script.sendable = { sender in
            capabilities = sender.connection.remoteOfferedCapabilities
            while sender.credit > 0, numbers.count < messages.count {
                numbers[try sender.send(messages[numbers.count])] = numbers.count
            }
        }
        script.outcome = { delivery, outcome in
            guard let number = numbers[delivery] else { return }
            if case .rejected(let condition)? = outcome {
                outcomes[number] = condition?.name
            } else {
                outcomes[number] = nil
            }
            answers += 1
            if answers == messages.count { script.finish() }
        }
        try script.run { try $0.createSender($1, nil) }
        #expect(capabilities.contains("ANONYMOUS-RELAY"))
        #expect(outcomes == [nil, nil, .preconditionFailed, .notFound, .invalidField, nil])
        #expect(try broker.takeAll(from: "q") == ["1", "6"])
        #expect(try broker.takeAll(from: "r") == ["2"])
    }

    @Test func aRejectedMessageGoesToTheQueueForThat() throws {
        var options = BrokerOptions()
        options.deadLetterAddress = "dead"
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        for address in ["q", "dead"] {
            let script = Script(broker)
            script.message = { event in
                event.delivery.reject(Condition(.internalError))
                if address == "q" { script.finish() } else { event.delivery.link.close() }
            }
            script.linkClosed = { _ in script.finish() }
            try script.run { try $0.createReceiver($1, address).flow(1) }
            if address == "q" { #expect(try broker.takeAll(from: "q") == ["b"]) }
        }
        #expect(try broker.takeAll(from: "dead").isEmpty)
        options.deadLetterAddress = ""
        #expect(throws: ProtonError.self) { try Broker.start(options: options) }
    }

    @Test func aModifiedMessageIsAnnotatedAndKeptFromWhoCannotProcessIt() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send([Message(body: "a", annotations: ["x-opt-old": 1])], to: "q")
        let script = Script(broker, autoAccepts: true)
        var seen: [Message] = []
        script.message = { event in
            seen.append(event.message)
            guard seen.count == 1 else { return script.finish() }
            event.delivery.settle(
                .modified(deliveryFailed: true, undeliverableHere: true, annotations: ["x-opt-why": "no"]))
            // The same link would take it, and another gets it.
            try (event.delivery.link as? Receiver)?.flow(1)
            try event.container.createReceiver(event.connection, "q", name: "other").flow(1)
        }
        try script.run { try $0.createReceiver($1, "q", name: "first").flow(1) }
        #expect(seen.map(\.deliveryCount) == [0, 1])
        #expect(seen.last?.annotations["x-opt-why"] == "no")
        #expect(seen.last?.annotations["x-opt-old"] == 1)
    }
}
