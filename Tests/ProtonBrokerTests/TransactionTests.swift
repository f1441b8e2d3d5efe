// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import Testing

/// A peer with a link to the coordinator, whose every message has a closure for its answer.
final class Controller {
    let script: Script
    private var coordinator: Sender?
    private var answers: [Delivery: (DeliveryState?) throws -> Void] = [:]

    init(_ broker: Broker) { script = Script(broker) }

    /// Runs; the closure is called once the coordinator takes requests.
    func run(_ body: @escaping (Container, Connection) throws -> Void) throws {
        script.settled = { [self] delivery in try answers.removeValue(forKey: delivery)?(delivery.remoteState) }
        script.linkError = { _, condition in throw ProtonError(.linkError, "\(condition as Any)") }
        try script.run { [self] container, connection in
            var hasBegun = false
            coordinator = try container.createSender(
                connection, nil, options: .target { $0.kind = .coordinator })
            script.sendable = { [self] sender in
                guard sender === coordinator, !hasBegun else { return }
                hasBegun = true
                try body(container, connection)
            }
        }
    }

    func request(_ code: UInt64, _ fields: [AMQPValue], _ answer: @escaping (DeliveryState?) throws -> Void) throws {
        let body = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
        guard let coordinator else { return }
        answers[try coordinator.send(Message(body: .value(body)))] = answer
    }

    func declare(_ body: @escaping ([UInt8]) throws -> Void) throws {
        try request(0x31, []) { state in
            guard case .declared(let id)? = state else { throw ProtonError(.linkError, "\(state as Any)") }
            try body(id)
        }
    }

    func discharge(_ id: [UInt8], fails: Bool = false, _ body: @escaping (DeliveryState?) throws -> Void) throws {
        try request(0x32, [.binary(id), .boolean(fails)], body)
    }

    func send(_ text: String, over sender: Sender, in id: [UInt8], _ body: @escaping (DeliveryState?) throws -> Void)
        throws
    {
        try send(Message(body: text), over: sender, in: id, body)
    }

    func send(
        _ message: Message, over sender: Sender, in id: [UInt8], _ body: @escaping (DeliveryState?) throws -> Void
    )
        throws
    {
        answers[try sender.send(message, state: .transactional(id: id))] = body
    }

    func close() { coordinator?.close() }
}

/// What transactions do and undo. A sender gets its credit before its coordinator answers, as it is attached first.
struct TransactionTests {
    @Test(arguments: [false, true])
    func whatIsSentIsThereOnceItCommits(fails: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let controller = Controller(broker)
        var states: [DeliveryState?] = []
        var ids: [UInt8] = []
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "q")
            try controller.declare { id in
                ids = id
                try controller.send("a", over: sender, in: id) { states.append($0) }
                try controller.send("b", over: sender, in: id) { state in
                    states.append(state)
                    #expect(try broker.takeAllElsewhere(from: "q").isEmpty)
                    try controller.discharge(id, fails: fails) {
                        #expect($0 == .accepted)
                        controller.script.finish()
                    }
                }
            }
        }
        #expect(states == [.transactional(id: ids, outcome: .accepted), .transactional(id: ids, outcome: .accepted)])
        #expect(try broker.takeAll(from: "q") == (fails ? [] : ["a", "b"]))
    }

    @Test func withAMessageThatIsRefusedItCannotCommit() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let controller = Controller(broker)
        var end: DeliveryState?
        try controller.run { container, connection in
            let (sender, relay) = (
                try container.createSender(connection, "q"), try container.createSender(connection, nil)
            )
            try controller.declare { id in
                try controller.send("a", over: sender, in: id) { _ in }
                // It does not say where it is to go.
                try controller.send("b", over: relay, in: id) { state in
                    // What happens in a transaction says which one it is of.
                    guard case .transactional(id, .rejected?)? = state else {
                        throw ProtonError(.linkError, "\(state as Any)")
                    }
                    try controller.discharge(id) {
                        end = $0
                        controller.script.finish()
                    }
                }
            }
        }
        guard case .rejected(let condition?)? = end?.outcome else { throw ProtonError(.linkError, "\(end as Any)") }
        #expect(condition.name == "amqp:transaction:rollback")
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test(arguments: [false, true], [false, true])
    func whatIsAcceptedIsGoneOnceItCommits(fails: Bool, settles: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", "c", to: "q")
        let controller = Controller(broker)
        try controller.run { container, connection in
            try controller.declare { id in
                let receiver = try container.createReceiver(connection, "q")
                var count = 0
                controller.script.message = { event in
                    count += 1
                    event.delivery.update(.transactional(id: id, outcome: .accepted))
                    if settles { event.delivery.settle() }
                    guard count == 2 else { return }
                    try controller.discharge(id, fails: fails) { _ in controller.script.finish() }
                }
                try receiver.flow(2)
            }
        }
        let rest = try broker.receive(fails ? 3 : 1, from: "q")
        #expect(rest.map(\.text) == (fails ? ["a", "b", "c"] : ["c"]))
        // What was not settled is the consumer's as before, until it closes its link.
        #expect(rest.map(\.deliveryCount) == (fails ? settles ? [1, 1, 0] : [0, 0, 0] : [0]))
    }

    /// How the end of a controller comes.
    enum End: CaseIterable { case link, session, connection, transport }

    @Test(arguments: End.allCases)
    func endsWithItsController(_ end: End) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        let controller = Controller(broker)
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "sent")
            try controller.declare { id in
                let receiver = try container.createReceiver(connection, "q")
                controller.script.message = { event in
                    event.delivery.settle(.transactional(id: id, outcome: .accepted))
                    try controller.send("x", over: sender, in: id) { _ in
                        switch end {
                        case .link:
                            controller.script.linkClosed = { _ in controller.script.finish() }
                            controller.close()
                        case .session: try connection.session().close()
                        case .connection: controller.script.finish()
                        case .transport: throw Gone()
                        }
                        if end == .session { controller.script.finish() }
                    }
                }
                try receiver.flow(1)
            }
        } catching: {
            $0 is Gone
        }
        #expect(try broker.receive(2, from: "q").map(\.text) == ["a", "b"])
        #expect(try broker.takeAll(from: "sent").isEmpty)
    }

    @Test func severalAreOpenAtOnce() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let controller = Controller(broker)
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "q")
            try controller.declare { first in
                try controller.declare { second in
                    #expect(first != second)
                    try controller.send("1", over: sender, in: first) { _ in }
                    try controller.send("2", over: sender, in: second) { _ in }
                    try controller.discharge(second) { _ in
                        try controller.discharge(first, fails: true) { _ in controller.script.finish() }
                    }
                }
            }
        }
        #expect(try broker.takeAll(from: "q") == ["2"])
    }

    @Test func anUnknownIDIsRefused() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let controller = Controller(broker)
        var conditions: [Symbol?] = []
        func note(_ state: DeliveryState?) {
            if case .outcome(.rejected(let condition))? = state { conditions.append(condition?.name) }
        }
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "q")
            try controller.discharge([9]) { note($0) }
            // A second discharge comes too late, as does a message.
            try controller.declare { id in
                try controller.discharge(id) { #expect($0 == .accepted) }
                try controller.discharge(id) { state in
                    note(state)
                    try controller.send("x", over: sender, in: id) { state in
                        note(state)
                        controller.script.finish()
                    }
                }
            }
        }
        #expect(conditions == Array(repeating: "amqp:transaction:unknown-id", count: 3))
    }

    @Test func itsLimitsAreKept() throws {
        var options = BrokerOptions()
        options.transactionLimits = TransactionLimits(perConnection: 2, messages: 3)
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let controller = Controller(broker)
        var states: [Symbol?] = []
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "q")
            try controller.declare { id in
                try controller.declare { _ in }
                try controller.request(0x31, []) { state in
                    if case .outcome(.rejected(let condition))? = state { states.append(condition?.name) }
                    for number in 0..<4 { try controller.send("\(number)", over: sender, in: id) { _ in } }
                    try controller.discharge(id) { state in
                        if case .outcome(.rejected(let condition))? = state { states.append(condition?.name) }
                        controller.script.finish()
                    }
                }
            }
        }
        #expect(states == [.resourceLimitExceeded, "amqp:transaction:rollback"])
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test(
        arguments: [
            ([.string("x")], 0x31), ([], 0x32), ([.string("x")], 0x32), ([], 0x99),
        ] as [([AMQPValue], UInt64)])
    func otherRequestsAreRejected(fields: [AMQPValue], code: UInt64) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let controller = Controller(broker)
        var condition: Symbol?
        try controller.run { _, _ in
            try controller.request(code, fields) { state in
                if case .outcome(.rejected(let reason))? = state { condition = reason?.name }
                controller.script.finish()
            }
        }
        #expect(condition == .notImplemented)
    }
}

/// Ends a script's loop, so that its sockets close without a word.
private struct Gone: Error {}

extension Controller {
    fileprivate func run(
        _ body: @escaping (Container, Connection) throws -> Void, catching isExpected: (any Error) -> Bool
    ) throws {
        do {
            try run(body)
        } catch  where isExpected(error) {}
    }
}

extension Broker {
    /// What waits at an address, asked by another connection from within a script.
    fileprivate func takeAllElsewhere(from address: String) throws -> [String] { try takeAll(from: address) }
}
