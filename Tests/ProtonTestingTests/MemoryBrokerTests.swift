// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// A broker in memory, and programs that talk to it.
struct MemoryBrokerTests {
    private struct Failure: Error {}

    /// Sends messages as it gets credit, in a transaction where it is told to, and closes once all are settled.
    private final class Sending: MessagingHandler {
        private let address: String
        private var messages: [Message]
        private var unsettled = 0
        private(set) var outcomes: [DeliveryState?] = []

        init(_ messages: [Message], to address: String = "queue") {
            (self.messages, self.address) = (messages, address)
        }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.createSender(event.container.connect("broker.invalid"), address)
        }

        func onSendable(_ event: SenderEvent) throws {
            while event.sender.credit > 0, !messages.isEmpty {
                try event.sender.send(messages.removeFirst())
                unsettled += 1
            }
        }

        func onSettled(_ event: DeliveryEvent) {
            outcomes.append(event.delivery.remoteState)
            unsettled -= 1
            if unsettled == 0, messages.isEmpty { event.connection.close() }
        }
    }

    /// Notes what comes until it has as many messages as it wants.
    private final class Receiving: MessagingHandler {
        let options: HandlerOptions
        private let link: LinkOption
        private let count: Int
        private(set) var bodies: [String] = []
        private(set) var refusal: Condition?
        private(set) var loss: ProtonError?

        init(_ count: Int = .max, accepts: Bool = true, prefetch: Int = 10, link: LinkOption = .atLeastOnce) {
            (self.count, self.link) = (count, link)
            options = HandlerOptions(prefetch: prefetch, autoAccepts: accepts)
        }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.createReceiver(event.container.connect("broker.invalid"), "queue", options: link)
        }

        func onMessage(_ event: MessageEvent) {
            bodies.append(event.message.body.stringValue ?? "")
            if bodies.count == count { event.connection.close() }
        }

        func onLinkError(_ event: LinkEvent) {
            refusal = event.link.remoteCondition
            event.connection.close()
        }

        func onTransportError(_ event: TransportEvent) { loss = event.error }
    }

    private static func messages(_ bodies: String...) -> [Message] {
        bodies.map { Message(body: $0) }
    }

    @Test func oneSendsAndOneReceives() throws {
        try withBrokerInMemory { broker in
            let (sending, receiving) = (Sending(Self.messages("a", "b", "c")), Receiving(3))
            let sender = try broker.start(sending)
            #expect(broker.status.connections.isEmpty && !sender.hasEnded)
            try broker.run()
            #expect(sending.outcomes == [.accepted, .accepted, .accepted] && sender.hasEnded)
            #expect(broker.status.queue("queue")?.waiting == 3)
            let receiver = try broker.start(receiving, id: "me")
            try broker.run()
            #expect(receiving.bodies == ["a", "b", "c"] && receiver.hasEnded && receiver.container.id == "me")
            #expect(broker.status.messages == 0 && broker.status.connections.isEmpty)
        }
    }

    @Test func aSelectorThatIsRefused() throws {
        try withBrokerInMemory { broker in
            let receiving = Receiving(link: .selector("colour = "))
            let client = try broker.start(receiving)
            try broker.run()
            #expect(receiving.refusal?.name == .invalidField && client.hasEnded)
        }
    }

    @Test func timeToLiveAndDelayGoByTheClock() throws {
        try withBrokerInMemory { broker in
            var late = Message(body: "late")
            late.annotations = ["x-opt-delivery-delay": 120_000]
            try broker.start(Sending([Message(body: "short", timeToLive: .seconds(60)), late]))
            try broker.run()
            #expect(broker.status.messages == 2)
            broker.clock.advance(by: .seconds(61))
            try broker.run()
            #expect(broker.status.messages == 1)
            let receiving = Receiving()
            try broker.start(receiving)
            try broker.run()
            #expect(receiving.bodies.isEmpty)
            broker.clock.advance(by: .seconds(59))
            try broker.run()
            #expect(receiving.bodies == ["late"])
        }
    }

    /// Sends two messages in a transaction, and then commits it or not.
    private final class Transacting: TransactionalClientHandler {
        private let commits: Bool
        private var sender: Sender?
        private(set) var isOver = false

        init(commits: Bool) { self.commits = commits }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect("broker.invalid")
            sender = try event.container.createSender(connection, "queue")
        }

        func onConnectionOpened(_ event: ConnectionEvent) throws {
            try event.container.declareTransaction(event.connection, handler: self)
        }

        func onTransactionDeclared(_ event: TransactionEvent) throws {
            guard let sender else { return }
            for message in MemoryBrokerTests.messages("one", "two") { try event.transaction.send(sender, message) }
            if commits { try event.transaction.commit() } else { try event.transaction.abort() }
        }

        func onTransactionCommitted(_ event: TransactionEvent) { isOver = commits }
        func onTransactionAborted(_ event: TransactionEvent) { isOver = !commits }
    }

    @Test(arguments: [true, false])
    func aTransaction(_ commits: Bool) throws {
        try withBrokerInMemory { broker in
            let transacting = Transacting(commits: commits)
            try broker.start(transacting)
            try broker.run()
            #expect(transacting.isOver)
            #expect(broker.status.queue("queue")?.waiting == (commits ? 2 : 0))
        }
    }

    @Test func twoThatCompete() throws {
        // The same each time.
        for _ in 0..<3 {
            try withBrokerInMemory { broker in
                let (first, second) = (Receiving(prefetch: 1), Receiving(prefetch: 1))
                for receiving in [first, second] { try broker.start(receiving) }
                try broker.start(Sending(Self.messages("1", "2", "3", "4", "5", "6")))
                try broker.run()
                #expect(first.bodies == ["1", "3", "5"] && second.bodies == ["2", "4", "6"])
            }
        }
    }

    @Test func aConsumerThatIsCutGivesBackWhatItHad() throws {
        try withBrokerInMemory { broker in
            let (first, second) = (Receiving(accepts: false), Receiving(1))
            let client = try broker.start(first)
            try broker.start(Sending(Self.messages("a")))
            try broker.run()
            #expect(first.bodies == ["a"] && broker.status.queue("queue")?.unsettled == 1)
            client.cut()
            try broker.run()
            #expect(first.loss?.code == .disconnected && client.hasEnded)
            #expect(broker.status.queue("queue")?.waiting == 1)
            try broker.start(second)
            try broker.run()
            #expect(second.bodies == ["a"])
        }
    }

    @Test func aConsumerThatIsUnpluggedIsMissedOnceItsHeartbeatsAre() throws {
        try withBrokerInMemory { broker in
            let receiving = Receiving(accepts: false)
            let client = try broker.start(receiving, options: ConnectionOptions(heartbeat: .seconds(300)))
            try broker.start(Sending(Self.messages("a")))
            try broker.run()
            // Both are there, and say so, for a week.
            broker.clock.advance(by: .seconds(7 * 86_400))
            try broker.run()
            #expect(broker.status.connections.count == 1)
            client.unplug()
            broker.clock.advance(by: .seconds(59))
            try broker.run()
            #expect(broker.status.queue("queue")?.unsettled == 1)
            broker.clock.advance(by: .seconds(1))
            try broker.run()
            #expect(broker.status.queue("queue")?.waiting == 1 && broker.status.connections.isEmpty)
            #expect(receiving.loss == nil)
            broker.clock.advance(by: .seconds(300))
            try broker.run()
            #expect(receiving.loss?.condition?.name == .resourceLimitExceeded, "\(String(describing: receiving.loss))")
            #expect(client.hasEnded)
        }
    }

    /// Leaves all to the test.
    private final class Quiet: MessagingHandler {
        private(set) var conditions: [Condition?] = []
        func onConnectionError(_ event: ConnectionEvent) { conditions.append(event.connection.remoteCondition) }
    }

    @Test func aTestThatConnectsItself() throws {
        var options = BrokerOptions()
        options.maxConnections = 2
        try withBrokerInMemory(options: options) { broker in
            let quiet = Quiet()
            let client = try broker.start(quiet)
            #expect(client.hasEnded)
            let connections = try (0..<3).map { try client.container.connect("host-\($0)") }
            try broker.run()
            #expect(broker.status.connections.map(\.containerID) == ["client-1", "client-1"])
            #expect(quiet.conditions.map(\.?.name) == [.resourceLimitExceeded])
            let sender = try client.container.createSender(connections[0], "queue")
            try broker.run()
            try sender.send(Message(body: "by hand"))
            try broker.run()
            #expect(broker.status.queue("queue")?.waiting == 1)
            for connection in connections { connection.close() }
            try broker.run()
            #expect(client.hasEnded)
        }
    }

    /// Answers each message by another one, for ever.
    private final class Restless: MessagingHandler {
        private var sender: Sender?

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect("broker.invalid")
            try event.container.createReceiver(connection, "queue")
            sender = try event.container.createSender(connection, "queue")
        }

        func onLinkOpened(_ event: LinkEvent) throws {
            if event.link.isSender { try sender?.send(Message(body: "again")) }
        }

        func onMessage(_ event: MessageEvent) throws { try sender?.send(event.message) }
    }

    @Test func programsThatDoNotComeToRest() throws {
        try withBrokerInMemory { broker in
            try broker.start(Restless())
            let error = #expect(throws: ProtonError.self) { try broker.run(rounds: 1_000) }
            #expect(error?.code == .limitExceeded)
        }
    }

    @Test func whatProgramsThrow() throws {
        #expect(throws: Failure.self) { try withBrokerInMemory { _ in throw Failure() } }
        // A link error that the program takes no care of.
        try withBrokerInMemory { broker in
            let client = try broker.start(Quiet())
            try client.container.createReceiver(client.container.connect("host"), "", options: .selector("("))
            #expect(throws: ProtonError.self) { try broker.run() }
        }
    }

    /// A store that keeps nothing.
    private final class NoStore: MessageStore {
        func recover(_ take: (StoredItem) throws -> Void) {}
        func start(_ report: @escaping @Sendable (StoreReport) -> Void) {}
        func write(_ group: [StoreChange]) -> UInt64 { 0 }
        func close() {}
    }

    @Test func optionsThatItCannotFollow() throws {
        var options = BrokerOptions()
        options.maxQueues = 0
        let error = #expect(throws: ProtonError.self) { try withBrokerInMemory(options: options) { _ in } }
        #expect(error?.code == .invalidArgument)
        options = BrokerOptions()
        options.store = NoStore()
        let other = #expect(throws: ProtonError.self) { try withBrokerInMemory(options: options) { _ in } }
        #expect(other?.message.contains("withBroker") == true)
    }

    /// Does something as it starts to connect.
    private final class Opening: MessagingHandler {
        private let body: () throws -> Void

        init(_ body: @escaping () throws -> Void) { self.body = body }

        func onStart(_ event: ContainerEvent) throws { try event.container.connect("broker.invalid") }
        func onConnectionOpened(_ event: ConnectionEvent) throws { try body() }
    }

    @Test func whatACallbackMayDoWithTheBroker() throws {
        try withBrokerInMemory { broker in
            try broker.start(Opening { try broker.start(Sending(Self.messages("a"))) })
            try broker.run()
            #expect(broker.status.queue("queue")?.waiting == 1)
            try broker.start(Opening { try broker.run() })
            let error = #expect(throws: ProtonError.self) { try broker.run() }
            #expect(error?.code == .invalidArgument)
            // It goes on after that.
            try broker.run()
        }
    }

    @Test func afterItsEnd() throws {
        let (broker, client) = try withBrokerInMemory { broker in
            let client = try broker.start(Receiving())
            try broker.run()
            return (broker, client)
        }
        #expect(client.hasEnded)
        for error in [
            #expect(throws: ProtonError.self) { try broker.run() },
            #expect(throws: ProtonError.self) { try broker.start(Quiet()) },
        ] {
            #expect(error?.code == .closed)
        }
    }
}
