// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Several handlers on one container, or below each other: what happens is told to all of them, before the library
/// does what it does by itself.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct SeveralHandlersTests {
    /// How the second handler comes to its events.
    enum Place: CaseIterable {
        case below, beside
    }

    /// Runs a container whose handlers are told of the server's side, with a client of its own.
    private static func run(
        _ place: Place, first: ([any ProtonHandler]) -> any ProtonHandler, second: any ProtonHandler, client: Scripted,
        _ setUp: @escaping (Container, Connection) throws -> Void
    ) throws {
        defer { client.forget() }
        let first = first(place == .below ? [second] : [])
        let start = Starter { event in
            let listener = try event.container.listen("127.0.0.1:0")
            let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: client)
            try setUp(event.container, connection)
        }
        client.on("onConnectionFinal") { (event: ConnectionEvent) in event.container.stop() }
        let container =
            switch place {
            case .below: try Container(start, first, options: .once)
            case .beside: try Container(start, first, second, options: .once)
            }
        try container.run()
    }

    // MARK: Drains

    @Test(arguments: Place.allCases)
    func eachIsToldOfADrainBeforeTheDefaultAnswersIt(_ place: Place) async throws {
        let (lines, credit) = try await onThread {
            let client = Scripted("client", options: HandlerOptions(prefetch: 0))
            client.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.drain(5) }
            client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in event.connection.close() }
            var credit: [Int] = []
            // The first one has the default; the second one sends two more messages, and then gives the rest back.
            let second = Scripted("second", client.journal)
            defer { second.forget() }
            second.on("onSenderDrainStart") { (event: SenderEvent) in
                credit.append(event.sender.credit)
                for number in 0..<2 { try event.sender.send(Message(body: number)) }
                event.sender.drained()
            }
            try Self.run(
                place, first: { Below($0) }, second: second, client: client
            ) { try $0.createReceiver($1, "q") }
            return (client.journal.lines, credit)
        }
        #expect(credit == [5])
        #expect(lines.count { $0 == "second.onSenderDrainStart" } == 1)
        #expect(lines.count { $0 == "client.onMessage" } == 2)
        #expect(lines.count { $0 == "client.onReceiverDrainFinish" } == 1)
    }

    @Test(arguments: Place.allCases)
    func aDrainThatNobodyAnswersIsAnsweredByTheLibrary(_ place: Place) async throws {
        let lines = try await onThread {
            let client = Scripted("client", options: HandlerOptions(prefetch: 0))
            client.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.drain(5) }
            client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in event.connection.close() }
            try Self.run(place, first: { Below($0) }, second: Plain(), client: client) {
                try $0.createReceiver($1, "q")
            }
            return client.journal.lines
        }
        #expect(lines.count { $0 == "client.onReceiverDrainFinish" } == 1)
    }

    @Test(arguments: Place.allCases)
    func anAnswerThatOneOfThemOwesIsWaitedFor(_ place: Place) async throws {
        let (drained, lines) = try await onThread {
            let client = Scripted("client", options: HandlerOptions(prefetch: 0))
            client.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.drain(5) }
            client.on("onReceiverDrainFinish") { (event: ReceiverEvent) in event.connection.close() }
            let second = Scripted("second", client.journal, options: HandlerOptions(answersDrains: false))
            defer { second.forget() }
            var drained = 0
            second.on("onSenderDrainStart") { (event: SenderEvent) in
                let sender = event.sender
                event.container.schedule(after: .milliseconds(20)) {
                    client.journal.note("late")
                    drained = sender.drained()
                }
            }
            try Self.run(
                place, first: { Below($0) }, second: second, client: client
            ) { try $0.createReceiver($1, "q") }
            return (drained, client.journal.lines)
        }
        #expect(drained == 5)
        let (late, end) = (lines.firstIndex(of: "late"), lines.firstIndex(of: "client.onReceiverDrainFinish"))
        #expect(try #require(late) < #require(end))
    }

    @Test(arguments: Place.allCases)
    func eachIsToldOfTheEndOfADrainBeforeCreditIsToppedUp(_ place: Place) async throws {
        let (lines, credit) = try await onThread {
            let client = Scripted("client")
            let first = Scripted("first", client.journal)
            let second = Scripted("second", client.journal)
            defer {
                first.forget()
                second.forget()
            }
            var credit: [Int] = []
            first.on("onLinkOpened") { (event: LinkEvent) in try event.receiver?.drain() }
            for handler in [first, second] {
                handler.on("onReceiverDrainFinish") { (event: ReceiverEvent) in credit.append(event.receiver.credit) }
            }
            client.on("onSenderDrainStart") { (event: SenderEvent) in
                event.sender.drained()
                client.on("onSendable") { (event: SenderEvent) in
                    credit.append(event.sender.credit)
                    event.connection.close()
                }
            }
            try Self.run(
                place, first: { Parent(first, $0) }, second: second, client: client
            ) { try $0.createSender($1, "q") }
            return (client.journal.lines, credit)
        }
        #expect(lines.count { $0 == "first.onReceiverDrainFinish" } == 1)
        #expect(lines.count { $0 == "second.onReceiverDrainFinish" } == 1)
        #expect(credit.prefix(2) == [0, 0] && credit.last == 10)
    }

    // MARK: Outcomes

    @Test(arguments: Place.allCases)
    func eachIsToldOfAnOutcomeBeforeItIsSettled(_ place: Place) async throws {
        let (lines, states) = try await onThread {
            let client = Scripted("client")
            let second = Scripted("second", client.journal)
            defer { second.forget() }
            var states: [DeliveryState?] = []
            second.on("onSendable") { (event: SenderEvent) in
                if event.sender.unsettledCount == 0, states.isEmpty { try event.sender.send(Message(body: "x")) }
            }
            second.on("onSettled") { (event: DeliveryEvent) in
                states.append(event.delivery.remoteState)
                event.container.schedule(after: .zero) {
                    #expect(event.link.unsettledCount == 0)
                    event.connection.close()
                }
            }
            try Self.run(
                place, first: { Below($0) }, second: second, client: client
            ) { try $0.createReceiver($1, "q") }
            return (client.journal.lines, states)
        }
        #expect(lines.count { $0 == "second.onAccepted" } == 1 && lines.count { $0 == "second.onSettled" } == 1)
        #expect(states == [.accepted])
    }

    // MARK: The older style

    @Test func aFlowControllerOfTheProgramsTopsUpAfterADrain() async throws {
        let credit = try await onThread {
            let client = Scripted("client")
            var credit: [Int] = []
            client.on("onSenderDrainStart") { (event: SenderEvent) in event.sender.drained() }
            client.on("onSendable") { (event: SenderEvent) in
                guard !event.sender.isDraining else { return }
                credit.append(event.sender.credit)
                if credit.count == 2 { event.connection.close() }
            }
            try Self.run(
                .below, first: { Drainer($0) }, second: FlowController(7), client: client
            ) { try $0.createSender($1, "q") }
            return credit
        }
        #expect(credit == [7, 7])
    }
}

/// Starts a test, and has no part in what follows.
private final class Starter: ProtonHandler {
    private let start: (ContainerEvent) throws -> Void
    init(_ start: @escaping (ContainerEvent) throws -> Void) { self.start = start }
    func onReactorInit(_ event: ContainerEvent) throws { try start(event) }
}

/// A handler with the defaults, and others below it.
private final class Below: MessagingHandler {
    let handlers: [any ProtonHandler]
    init(_ handlers: [any ProtonHandler]) { self.handlers = handlers }
}

/// Two handlers, and others below the first of them.
private final class Parent: ProtonHandler {
    let handlers: [any ProtonHandler]
    init(_ first: any ProtonHandler, _ handlers: [any ProtonHandler]) { self.handlers = [first] + handlers }
}

/// Opens what is opened, and drains each receiver once it has credit.
private final class Drainer: ProtonHandler {
    let handlers: [any ProtonHandler]
    private var hasDrained = false

    init(_ handlers: [any ProtonHandler]) { self.handlers = [Handshaker()] + handlers }

    func onLinkLocalOpen(_ event: LinkEvent) {
        guard let receiver = event.link as? Receiver else { return }
        let connection = event.connection
        _ = event.container.schedule(after: .milliseconds(20)) {
            if connection.isLocalOpen { try receiver.drain() }
        }
    }
}
