// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// What `HandlerOptions` leave to the library, and what a callback does by itself.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct MessageHandlingTests {
    /// Sends messages from the client as credit allows; ends when each has an outcome.
    /// - Returns: the outcomes that the client saw, in order.
    private static func send(
        _ count: Int, _ exchange: Exchange, options: LinkOption...,
        message: @escaping (Int) -> Message = { Message(body: $0) }
    ) throws -> [DeliveryState?] {
        var sent = 0
        var states: [DeliveryState?] = []
        exchange.client.on("onSendable") { (event: SenderEvent) in
            while event.sender.credit > 0, sent < count {
                try event.sender.send(message(sent))
                sent += 1
            }
        }
        exchange.client.on("onSettled") { (event: DeliveryEvent) in
            states.append(event.delivery.remoteState)
            if states.count == count { event.connection.close() }
        }
        try exchange.run { container, connection in
            let sender = try connection.session().makeSender(name: "sender")
            for option in options { option.apply(to: sender) }
            sender.open()
        }
        return states
    }

    // MARK: Outcomes

    @Test func messagesAreAccepted() async throws {
        let states = try await onThread { try Self.send(25, Exchange()) }
        #expect(states == Array(repeating: .accepted, count: 25))
    }

    static let decisions: [(name: String, decide: @Sendable (MessageEvent) throws -> Void, state: DeliveryState)] = [
        ("accept", { $0.delivery.accept() }, .accepted),
        ("reject", { $0.delivery.reject() }, .rejected()),
        ("reject with", { $0.delivery.reject(Condition("no:way", "bad")) }, .rejected(Condition("no:way", "bad"))),
        ("release", { $0.delivery.release() }, .modified(deliveryFailed: true)),
        ("release undelivered", { $0.delivery.release(delivered: false) }, .released),
        ("settle", { $0.delivery.settle(.modified(undeliverableHere: true)) }, .modified(undeliverableHere: true)),
        ("throw Reject", { _ in throw Delivery.Reject() }, .rejected()),
        ("throw Reject with", { _ in throw Delivery.Reject(Condition("no:way")) }, .rejected(Condition("no:way"))),
        ("throw Release", { _ in throw Delivery.Release() }, .modified(deliveryFailed: true)),
    ]

    @Test(arguments: decisions.indices, [true, false])
    func aDecisionOfTheProgramsWins(_ index: Int, autoAccepts: Bool) async throws {
        let decision = Self.decisions[index]
        let (states, lines) = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: autoAccepts))
            exchange.server.on("onMessage", decision.decide)
            let states = try Self.send(1, exchange)
            return (states, exchange.lines(of: exchange.client))
        }
        #expect(states == [decision.state])
        let callback =
            switch decision.state.outcome {
            case .accepted: "onAccepted"
            case .rejected: "onRejected"
            default: "onReleased"
            }
        for name in ["onAccepted", "onRejected", "onReleased"] {
            #expect(lines.count { $0 == name } == (name == callback ? 1 : 0))
        }
    }

    @Test func theHelpersOfTheHandlerDoTheSame() async throws {
        let states = try await onThread {
            let exchange = Exchange()
            exchange.server.on("onMessage") { (event: MessageEvent) in
                switch event.message.body.value.intValue {
                case 0: exchange.server.accept(event.delivery)
                case 1: exchange.server.reject(event.delivery, "a:b")
                case 2: exchange.server.release(event.delivery)
                case 3: exchange.server.release(event.delivery, delivered: false)
                default: exchange.server.settle(event.delivery, .rejected())
                }
            }
            return try Self.send(5, exchange)
        }
        // Proton may put dispositions of one outcome together, and send them later than others.
        #expect(
            Set(states) == [.accepted, .rejected("a:b"), .modified(deliveryFailed: true), .released, .rejected()])
    }

    @Test func withoutAutoAcceptNothingIsSaid() async throws {
        let states = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: false))
            var kept: [Delivery] = []
            exchange.server.on("onMessage") { (event: MessageEvent) in
                kept.append(event.delivery)
                guard kept.count == 3 else { return }
                // Out of order, from a later callback.
                for (delivery, state) in zip(kept.reversed(), [.accepted, .released, .rejected()] as [DeliveryState]) {
                    delivery.settle(state)
                }
            }
            return try Self.send(3, exchange)
        }
        #expect(Set(states) == [.accepted, .released, .rejected()])
    }

    @Test func messagesForALinkThatIsClosedGoBack() async throws {
        let states = try await onThread {
            let exchange = Exchange()
            exchange.server.on("onMessage") { (event: MessageEvent) in event.receiver.close() }
            exchange.client.on("onLinkClosing") { (event: LinkEvent) in event.connection.close() }
            var states: [DeliveryState?] = []
            exchange.client.on("onDelivery") { (event: DeliveryEvent) in states.append(event.delivery.remoteState) }
            _ = try Self.send(5, exchange)
            return states
        }
        // The first one was taken; what is on its way when a link closes has no outcome, or is released.
        #expect(!states.contains(.rejected()) && states.count { $0 == .accepted } <= 1)
    }

    // MARK: Settling

    @Test func atMostOnceIsSettledAtOnce() async throws {
        let (count, lines) = try await onThread {
            let exchange = Exchange()
            var taken = 0
            exchange.server.on("onMessage") { (event: MessageEvent) in
                #expect(event.delivery.isSettled)
                taken += 1
                if taken == 20 { event.connection.close() }
            }
            var sent = 0
            exchange.client.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, sent < 20 {
                    let delivery = try event.sender.send(Message(body: 1))
                    #expect(delivery.isSettled)
                    sent += 1
                }
            }
            try exchange.run { container, connection in
                try container.createSender(connection, "a", options: .atMostOnce)
            }
            return (taken, exchange.lines(of: exchange.client))
        }
        #expect(count == 20)
        #expect(!lines.contains("onAccepted") && !lines.contains("onSettled") && !lines.contains("onDelivery"))
    }

    @Test func withoutAutoSettleTheProgramSettles() async throws {
        let counts = try await onThread {
            let exchange = Exchange(clientOptions: HandlerOptions(autoSettles: false))
            var counts: [Int] = []
            var sent = 0
            exchange.client.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, sent < 3 {
                    try event.sender.send(Message(body: 1))
                    sent += 1
                }
            }
            exchange.client.on("onSettled") { (event: DeliveryEvent) in
                counts.append(event.link.unsettledCount)
                guard counts.count == 3 else { return }
                event.delivery.settle()
                counts.append(event.link.unsettledCount)
                event.connection.close()
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return counts
        }
        #expect(counts == [3, 3, 3, 2])
    }

    @Test func aReceiverLearnsThatTheSenderSettled() async throws {
        let lines = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: false))
            exchange.client.on("onSendable") { (event: SenderEvent) in
                if event.sender.unsettledCount == 0 { try event.sender.send(Message(body: 1)) }
            }
            exchange.server.on("onMessage") { (event: MessageEvent) in event.delivery.update(.accepted) }
            exchange.client.on("onAccepted") { (event: DeliveryEvent) in event.delivery.settle() }
            exchange.server.on("onSettled") { (event: DeliveryEvent) in
                event.delivery.settle()
                event.connection.close()
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        #expect(lines.contains("server.onSettled") && lines.count { $0 == "client.onAccepted" } == 1)
    }

    // MARK: Credit

    @Test(arguments: [1, 2, 10, 1_000])
    func prefetchIsTheWindow(_ prefetch: Int) async throws {
        let credits = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(prefetch: prefetch))
            var credits: [Int] = []
            exchange.client.on("onSendable") { (event: SenderEvent) in credits.append(event.sender.credit) }
            _ = try Self.send(50, exchange)
            return credits
        }
        #expect(credits.first == prefetch && credits.allSatisfy { $0 <= prefetch })
    }

    @Test func withoutPrefetchTheProgramGivesCredit() async throws {
        let (credits, bodies) = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(prefetch: 0))
            var credits: [Int] = []
            var bodies: [Int] = []
            exchange.client.on("onSendable") { (event: SenderEvent) in credits.append(event.sender.credit) }
            exchange.server.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.flow(2) }
            exchange.server.on("onMessage") { (event: MessageEvent) in
                bodies.append(event.message.body.value.intValue ?? -1)
                if bodies.count == 2 { try event.receiver.flow(1) }
            }
            _ = try Self.send(3, exchange)
            return (credits, bodies)
        }
        #expect(credits.first == 2 && credits.last == 1 && bodies == [0, 1, 2])
    }

    @Test func creditComesBackAfterADrain() async throws {
        let taken = try await onThread {
            let exchange = Exchange()
            var taken = 0
            exchange.client.on("onLinkFlow") { (event: LinkEvent) in
                if event.sender?.isDraining == true { event.sender?.drained() }
            }
            exchange.server.on("onMessage") { (event: MessageEvent) in
                taken += 1
                if taken == 3 { try event.receiver.drain(0) }
                if taken == 8 { event.connection.close() }
            }
            exchange.server.on("onLinkFlow") { (event: LinkEvent) in
                // The window is topped up as before once the drain is done.
                if let receiver = event.receiver, receiver.credit == 0 { try receiver.flow(5) }
            }
            exchange.client.on("onSendable") { (event: SenderEvent) in
                if event.sender.credit > 0, !event.sender.isDraining { try event.sender.send(Message(body: 1)) }
            }
            exchange.client.on("onSettled") { (event: DeliveryEvent) in
                if let sender = event.sender, sender.credit > 0 { try sender.send(Message(body: 1)) }
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return taken
        }
        #expect(taken >= 8)
    }
}
