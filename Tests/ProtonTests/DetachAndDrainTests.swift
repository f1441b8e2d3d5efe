// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Links that are detached rather than closed, and credit that is given back.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct DetachAndDrainTests {
    // MARK: Detach

    @Test func aDetachIsNoClose() async throws {
        let (server, client) = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in event.link.detach() }
            exchange.client.on("onLinkDetached") { (event: LinkEvent) in event.connection.close() }
            try exchange.run { container, connection in try container.createReceiver(connection, "q") }
            return (exchange.lines(of: exchange.server), exchange.lines(of: exchange.client))
        }
        for lines in [server, client] {
            #expect(lines.count { $0 == "onLinkDetached" } == 1 && lines.contains("onLinkLocalDetach"))
            #expect(lines.contains("onLinkFinal"))
            #expect(!lines.contains { ["onLinkClosing", "onLinkClosed", "onLinkError"].contains($0) })
        }
    }

    @Test func aDetachedLinkIsAttachedAgainByItsName() async throws {
        let names = try await onThread {
            let exchange = Exchange()
            var names: [String] = []
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in names.append(event.link.name) }
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in
                if names.count == 1 { event.link.detach() } else { event.connection.close() }
            }
            exchange.client.on("onLinkDetached") { (event: LinkEvent) in
                try event.container.createReceiver(
                    event.session, "q", name: event.link.name, options: .durableSubscription)
            }
            try exchange.run { container, connection in
                try container.createReceiver(connection, "q", name: "sub", options: .durableSubscription)
            }
            return names
        }
        #expect(names == ["sub", "sub"])
    }

    @Test func thePeersDetachCanBeAnsweredByAClose() async throws {
        let client = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in event.link.detach() }
            exchange.server.on("onLinkDetached") { (event: LinkEvent) in event.link.close() }
            exchange.client.on("onLinkClosing") { (event: LinkEvent) in event.connection.close() }
            try exchange.run { container, connection in try container.createSender(connection, "q") }
            return exchange.lines(of: exchange.client)
        }
        #expect(client.contains("onLinkClosing") && !client.contains("onLinkDetached"))
    }

    // MARK: Drain

    /// What the sender's side does about a drain when it has sent `sent` messages.
    enum Answer: CaseIterable {
        case byDefault, byTheProgram, byUsingItAll
    }

    @Test(arguments: Answer.allCases, [0, 10])
    func aDrainEndsAndCreditIsToppedUpAgain(_ answer: Answer, prefetch: Int) async throws {
        let (log, credit) = try await onThread {
            let exchange = Exchange(clientOptions: HandlerOptions(prefetch: prefetch))
            var log: [String] = []
            var credit: [Int] = []
            var sent = 0
            let server = Draining(answer)
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in event.link.handler = server }
            server.told = { log.append("start \($0)") }
            exchange.client.on("onMessage") { (event: MessageEvent) in
                sent += 1
                log.append("message")
            }
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in
                // With a prefetch there is credit for ten already.
                try event.receiver?.drain(prefetch == 0 ? 10 : 0)
            }
            exchange.client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in
                log.append("finish")
                #expect(event.receiver.credit == 0 && !event.receiver.isDraining)
                credit.append(event.receiver.credit)
                if prefetch == 0 { try event.receiver.flow(10) }
                exchange.client.on("onReceiverDrainFinish") { (_: ReceiverEvent) in log.append("again") }
            }
            server.refilled = { sender in
                credit.append(sender.credit)
                sender.connection.close()
            }
            try exchange.run { container, connection in
                try container.createReceiver(connection, "q", name: "r")
            }
            server.refilled = { _ in }
            return (log, credit)
        }
        let messages = answer == .byUsingItAll ? 10 : 2
        let start = answer == .byUsingItAll ? [] : ["start 8"]
        #expect(log.filter { $0.hasPrefix("start") } == (answer == .byTheProgram ? start : []))
        #expect(log.count { $0 == "message" } == messages)
        #expect(log.last == "finish" && log.count { $0 == "finish" } == 1)
        #expect(credit == [0, 10])
    }

    @Test func aDrainWithoutCreditEndsAtOnce() async throws {
        let lines = try await onThread {
            let exchange = Exchange(clientOptions: HandlerOptions(prefetch: 0))
            var finishes = 0
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.drain() }
            exchange.client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in
                finishes += 1
                if finishes == 2 { event.connection.close() } else { try event.receiver.drain() }
            }
            try exchange.run { container, connection in try container.createReceiver(connection, "q") }
            return exchange.lines(of: exchange.client)
        }
        #expect(lines.count { $0 == "onReceiverDrainFinish" } == 2)
    }

    @Test func drainsOneAfterTheOther() async throws {
        let (starts, finishes) = try await onThread {
            let exchange = Exchange(clientOptions: HandlerOptions(prefetch: 0))
            var finishes = 0
            exchange.server.on("onSenderDrainStart") { (event: SenderEvent) in event.sender.drained() }
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.drain(5) }
            exchange.client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in
                finishes += 1
                if finishes == 3 { event.connection.close() } else { try event.receiver.drain(finishes) }
            }
            try exchange.run { container, connection in try container.createReceiver(connection, "q") }
            return (exchange.journal.count("server.onSenderDrainStart"), finishes)
        }
        #expect(starts == 3 && finishes == 3)
    }

    @Test func creditByHand() async throws {
        let bodies = try await onThread {
            let exchange = Exchange(clientOptions: HandlerOptions(prefetch: 0))
            var bodies: [Int] = []
            var next = 0
            exchange.server.on("onSendable") { (event: SenderEvent) in
                #expect(event.sender.credit == 1)
                while event.sender.credit > 0 {
                    try event.sender.send(Message(body: next))
                    next += 1
                }
            }
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.flow(1) }
            exchange.client.on("onMessage") { (event: MessageEvent) in
                bodies.append(event.message.body.value.intValue ?? -1)
                if bodies.count == 5 { event.connection.close() } else { try event.receiver.flow(1) }
            }
            try exchange.run { container, connection in try container.createReceiver(connection, "q") }
            return bodies
        }
        #expect(bodies == [0, 1, 2, 3, 4])
    }
}

/// Sends two messages, or all it can, when the receiver drains, and tells when there is credit again.
private final class Draining: MessagingHandler {
    private let answer: DetachAndDrainTests.Answer
    private var sent = 0
    private var hasDrained = false
    var told: (Int) -> Void = { _ in }
    var refilled: (Sender) -> Void = { _ in }

    init(_ answer: DetachAndDrainTests.Answer) {
        self.answer = answer
    }

    func onSendable(_ event: SenderEvent) throws {
        let sender = event.sender
        if hasDrained, !sender.isDraining { return refilled(sender) }
        guard sender.isDraining else { return }
        let count = answer == .byUsingItAll ? 10 : 2
        while sender.credit > 0, sent < count {
            try sender.send(Message(body: 1))
            sent += 1
        }
        hasDrained = true
    }

    func onSenderDrainStart(_ event: SenderEvent) throws {
        if answer == .byTheProgram { told(event.sender.credit) }
        event.sender.drained()
    }
}
