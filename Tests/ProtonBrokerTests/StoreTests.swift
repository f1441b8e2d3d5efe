// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization
import Testing

@testable import ProtonBroker

/// What a broker writes into its store, and when it tells its peers.
struct StoreTests {
    private func options(_ store: MemoryStore) -> BrokerOptions {
        var options = BrokerOptions()
        options.store = store
        return options
    }

    private func message(_ text: String, isDurable: Bool = true) -> Message {
        Message(body: text, isDurable: isDurable)
    }

    @Test func acceptsADurableMessageOnceItIsWritten() throws {
        let store = MemoryStore { _ in false }
        let broker = try Broker.start(options: options(store))
        defer { broker.stop() }
        let script = Script(broker)
        var accepted: [String] = []
        var texts = ["durable", "passing", "durable too"][...]
        var names: [Delivery: String] = [:]
        script.sendable = { sender in
            while sender.credit > 0, let text = texts.popFirst() {
                let delivery = try sender.send(message(text, isDurable: text != "passing"))
                names[delivery] = text
            }
        }
        script.outcome = { delivery, outcome in
            #expect(outcome == .accepted)
            accepted.append(names[delivery] ?? "?")
            // The other two wait for the disk, which now turns.
            if accepted.count == 1 { store.writeAll() }
            if accepted.count == 3 { script.finish() }
        }
        try script.run { try $0.createSender($1, "q") }
        #expect(accepted == ["passing", "durable", "durable too"])
        #expect(store.changes.count == 3, "a queue and two messages")
    }

    @Test func whatIsDoneWithIsRemovedAndEmptyQueuesGo() async throws {
        let store = MemoryStore()
        let broker = try Broker.start(options: options(store))
        try broker.send([message("a"), message("b"), message("c", isDurable: false)], to: "q")
        #expect(try broker.receive(1, from: "q").map(\.text) == ["a"])
        #expect(store.contents.count == 2)
        #expect(try broker.receive(2, from: "q").map(\.text) == ["b", "c"])
        try await broker.wait { $0.queues.isEmpty }
        #expect(store.contents.isEmpty)
        broker.stop()
        #expect(store.isClosed)
    }

    @Test func findsAgainWhatItHad() throws {
        let first = MemoryStore()
        var broker = try Broker.start(options: options(first))
        try broker.send([message("1"), message("lost", isDurable: false), message("2")], to: "q")
        var urgent = message("urgent")
        urgent.priority = 9
        try broker.send([urgent], to: "q")
        broker.stop()
        let second = MemoryStore(first.contents)
        broker = try Broker.start(options: options(second))
        #expect(broker.status.queue("q")?.waiting == 3)
        try broker.send([message("3")], to: "q")
        #expect(try broker.takeAll(from: "q") == ["urgent", "1", "2", "3"])
        broker.stop()
        #expect(second.contents.isEmpty)
    }

    @Test func dynamicQueuesAreNotKept() throws {
        let store = MemoryStore()
        let broker = try Broker.start(options: options(store))
        defer { broker.stop() }
        let script = Script(broker, autoAccepts: true)
        script.linkOpened = { link in
            guard let receiver = link as? Receiver else { return }
            try receiver.flow(1)
            try broker.send([message("reply")], to: receiver.remoteSource.address ?? "")
        }
        script.message = { _ in script.finish() }
        try script.run { try $0.createReceiver($1, isDynamic: true) }
        #expect(store.changes.isEmpty)
    }

    @Test func aTransactionIsWrittenAsOne() throws {
        let store = MemoryStore()
        let broker = try Broker.start(options: options(store))
        try broker.send([message("a")], to: "in")
        let written = store.groups.count
        let controller = Controller(broker)
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "out")
            try controller.declare { id in
                let receiver = try container.createReceiver(connection, "in")
                controller.script.message = { event in
                    event.delivery.update(.transactional(id: id, outcome: .accepted))
                    try controller.send(message("b"), over: sender, in: id) { _ in }
                    try controller.send(message("c"), over: sender, in: id) { _ in
                        try controller.discharge(id) { _ in controller.script.finish() }
                    }
                }
                try receiver.flow(1)
            }
        }
        let groups = store.groups[written...]
        #expect(groups.map(\.count).max() == 4, "a queue made, two messages added, and one removed")
        broker.stop()
        let texts = store.contents.compactMap { item in
            if case .message(let stored) = item { try? Message(decoding: stored.bytes).text } else { nil }
        }
        #expect(texts == ["b", "c"])
    }

    @Test func aDurableSubscriptionIsFoundAgain() throws {
        let first = MemoryStore()
        var broker = try Broker.start(options: options(first))
        let script = Script(broker)
        script.linkOpened = { $0.detach() }
        script.linkDetached = { _ in script.finish() }
        try script.run(containerID: "me") {
            try $0.createReceiver($1, "topic/a", name: "s", options: .durableSubscription, .selector("n > 1"))
        }
        broker.stop()
        let second = MemoryStore(first.contents)
        broker = try Broker.start(options: options(second))
        defer { broker.stop() }
        let messages = (1...3).map { number in
            Message(body: "\(number)", properties: ["n": .int(Int32(number))], isDurable: true)
        }
        try broker.send(messages, to: "topic/a")
        #expect(broker.status.queue("me/s")?.waiting == 2)
        #expect(second.contents.count == 3)
    }

    @Test func refusesWhatItDoesNotUnderstand() {
        let store = MemoryStore([.queue(StoredQueue(id: 1, address: "q", details: [1, 2, 3]))])
        let error = #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options(store)) }
        #expect(error?.message.contains("q") == true)
    }

    @Test func holdsUpASenderWhileTheDiskDoes() throws {
        let isTurning = Atomic(false)
        let store = MemoryStore { _ in isTurning.load(ordering: .relaxed) }
        var options = options(store)
        options.creditWindow = 10
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let script = Script(broker)
        var (sent, accepted, rounds) = (0, 0, 0)
        var marker: Sender?
        script.sendable = { sender in
            guard sender.target.address == "q" else { return }
            while sender.credit > 0, sent < 30 {
                try sender.send(message("\(sent)"))
                sent += 1
            }
            if rounds == 0 { try marker?.send(message("?", isDurable: false)) }
        }
        script.outcome = { delivery, _ in
            if delivery.link === marker {
                // By the second answer any credit that came after the ten messages is here.
                rounds += 1
                if rounds == 1 {
                    try marker?.send(message("?", isDurable: false))
                    return
                }
                #expect(sent == 10 && accepted == 0)
                isTurning.store(true, ordering: .relaxed)
                return store.writeAll()
            }
            accepted += 1
            if accepted == 30 { script.finish() }
        }
        try script.run {
            marker = try $0.createSender($1, "marker")
            try $0.createSender($1, "q")
        }
        #expect(sent == 30)
    }
}
