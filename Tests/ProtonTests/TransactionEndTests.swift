// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// How transactions end that the program does not end, or that the peer refuses: one callback each, and what it says.
@Suite(.timeLimit(.minutes(1)))
struct TransactionEndTests {
    /// Declares a transaction, and notes what becomes of it.
    private final class Program: TransactionalClientHandler {
        let url: String
        let log: SharedLog
        let stage: TransactionStage
        /// Whether to do it once more where it is lost.
        let triesAgain: Bool

        init(_ url: String, _ log: SharedLog, _ stage: TransactionStage, triesAgain: Bool = false) {
            (self.url, self.log, self.stage, self.triesAgain) = (url, log, stage, triesAgain)
        }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.declareTransaction(event.container.connect(url), handler: self)
        }

        func onTransactionDeclared(_ event: TransactionEvent) throws {
            switch stage {
            case .declaring, .open: break
            case .committing: try event.transaction.commit()
            case .aborting: try event.transaction.abort()
            }
            if triesAgain, log.lines.isEmpty == (stage == .declaring) { try note(event, "declared") }
        }

        func onTransactionCommitted(_ event: TransactionEvent) throws { try note(event, "committed") }
        func onTransactionAborted(_ event: TransactionEvent) throws { try note(event, "aborted") }
        func onTransactionDeclareFailed(_ event: TransactionEvent) throws { try note(event, "not declared") }
        func onTransactionCommitFailed(_ event: TransactionEvent) throws { try note(event, "not committed") }
        func onTransactionInDoubt(_ event: TransactionEvent) throws { try note(event, "in doubt") }

        func onTransactionLost(_ event: TransactionEvent) throws {
            do {
                try event.transaction.commit()
            } catch let error as ProtonError where error.code == .transactionFailed {
                try note(event, "lost")
            }
        }

        private func note(_ event: TransactionEvent, _ text: String) throws {
            log.note("\(text)\(event.condition.map { " \($0.name)" } ?? "")")
            if triesAgain, text != "declared", !event.connection.isLocalClosed {
                try event.container.declareTransaction(event.connection, handler: self)
            } else {
                event.connection.close()
            }
        }

        // What the peer did to the connection is told here too.
        func onTransportError(_ event: TransportEvent) {}
        func onConnectionError(_ event: ConnectionEvent) {}
    }

    /// A program that leaves everything to the defaults.
    private final class Careless: TransactionalClientHandler {
        let url: String
        let stage: TransactionStage
        let declared: (TransactionEvent) throws -> Void

        init(
            _ url: String, _ stage: TransactionStage, _ declared: @escaping (TransactionEvent) throws -> Void = { _ in }
        ) {
            (self.url, self.stage, self.declared) = (url, stage, declared)
        }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.declareTransaction(event.container.connect(url), handler: self)
        }

        func onTransactionDeclared(_ event: TransactionEvent) throws {
            if stage == .committing { try event.transaction.commit() }
            try declared(event)
        }
    }

    // MARK: Ends

    static func expected(_ stage: TransactionStage, _ failure: PeerFailure) -> String {
        let condition =
            switch failure {
            case .detaches, .closes: " amqp:not-allowed"
            case .rollsBack: " amqp:transaction:rollback"
            default: ""
            }
        return switch stage {
        case .declaring: "not declared\(condition)"
        case .open: "lost\(condition)"
        case .committing: failure == .rollsBack ? "not committed\(condition)" : "in doubt\(condition)"
        case .aborting: "aborted\(condition)"
        }
    }

    @Test(
        "A transaction ends with the link to its coordinator, its session and its connection",
        arguments: TransactionStage.allCases, PeerFailure.allCases)
    func ends(stage: TransactionStage, failure: PeerFailure) async throws {
        let log = SharedLog()
        try await withScriptedServer { server in
            let coordinator = try ScriptedCoordinator(server)
            try coordinator.play(to: stage)
            try failure.playToTheEnd(on: coordinator.peer, handle: coordinator.handle)
        } client: { address in
            try Container(Program(address, log, stage), options: .once).run()
        }
        #expect(log.lines == [Self.expected(stage, failure)])
    }

    @Test(
        "After a loss a transaction that was being declared begins, and one that is declared in the callback",
        arguments: TransactionStage.allCases)
    func lostAndMadeAgain(stage: TransactionStage) async throws {
        let log = SharedLog()
        try await withScriptedServer { server in
            let first = try ScriptedCoordinator(server)
            try first.play(to: stage)
            first.peer.close()
            let second = try ScriptedCoordinator(server)
            try second.declare([8])
            if stage == .committing || stage == .aborting { _ = try second.request() }
            try second.close()
        } client: { address in
            let options = ConnectionOptions(reconnect: Backoff(initial: .milliseconds(10)))
            try Container(Program(address, log, stage, triesAgain: true), options: options).run()
        }
        let first: [String] =
            switch stage {
            case .declaring: []
            case .open: ["lost"]
            case .committing: ["in doubt"]
            case .aborting: ["aborted"]
            }
        // The second one ends with the connection, which the program closes.
        #expect(Array(log.lines.prefix(first.count + 1)) == first + ["declared"])
    }

    @Test(
        "The defaults end run() with a line that says what is known",
        arguments: [TransactionStage.declaring, .open, .committing])
    func defaults(stage: TransactionStage) async throws {
        let error = try await withScriptedServer { server in
            let coordinator = try ScriptedCoordinator(server)
            try coordinator.play(to: stage)
            try coordinator.peer.send(.detach(handle: coordinator.handle))
            _ = try? coordinator.peer.receiveAll()
        } client: { address in
            #expect(throws: ProtonError.self) { try Container(Careless(address, stage), options: .once).run() }
        }
        #expect(error?.code == (stage == .committing ? .inDoubt : .transactionFailed))
        let text = [
            TransactionStage.declaring: "No transaction was begun", .open: "A transaction was undone",
            .committing: "Whether a transaction was committed is in doubt",
        ]
        #expect(error?.message == "\(text[stage] ?? ""): the link to its coordinator ended")
    }

    @Test("A program that closes its connection undoes an open transaction, which is no failure")
    func closedHere() async throws {
        try await withScriptedServer { server in
            let coordinator = try ScriptedCoordinator(server)
            try coordinator.declare()
            try coordinator.close()
        } client: { address in
            try Container(Careless(address, .open) { $0.connection.close() }, options: .once).run()
        }
    }

    // MARK: Answers

    static let answers: [(DeliveryState, DeliveryState?, String)] = [
        (.rejected("amqp:not-allowed"), nil, "not declared amqp:not-allowed"),
        (.accepted, nil, "not declared"),
        (.released, nil, "not declared"),
        (.declared(id: [7]), .accepted, "committed"),
        (.declared(id: [7]), .rejected("amqp:transaction:rollback"), "not committed amqp:transaction:rollback"),
        (.declared(id: [7]), .released, "not committed"),
    ]

    @Test("What a coordinator may answer, settled or not", arguments: answers, [true, false])
    func peerAnswers(answer: (DeliveryState, DeliveryState?, String), isSettled: Bool) async throws {
        let log = SharedLog()
        try await withScriptedServer { server in
            let coordinator = try ScriptedCoordinator(server)
            try coordinator.answer(answer.0, isSettled: isSettled)
            if let discharge = answer.1 { try coordinator.answer(discharge, isSettled: isSettled) }
            try coordinator.close()
        } client: { address in
            try Container(Program(address, log, .committing), options: .once).run()
        }
        #expect(log.lines == [answer.2])
    }

    @Test("A commit that is settled without an outcome is in doubt")
    func bareAnswer() async throws {
        let log = SharedLog()
        try await withScriptedServer { server in
            let coordinator = try ScriptedCoordinator(server)
            try coordinator.declare()
            try coordinator.peer.send(.disposition(.accepted, coordinator.request(), ["state": .null]))
            try coordinator.close()
        } client: { address in
            try Container(Program(address, log, .committing), options: .once).run()
        }
        #expect(log.lines == ["in doubt"])
    }

    // MARK: Using one

    @Test(
        "A message is sent with the transaction's state, settled or not",
        arguments: [LinkOption.atMostOnce, .atLeastOnce])
    func sendsWithState(option: LinkOption) async throws {
        try await withScriptedServer { server in
            let coordinator = try ScriptedCoordinator(server)
            try coordinator.declare()
            let transfer = try coordinator.peer.expect(.transfer, skipping: .disposition)
            #expect(transfer.state == .transactional(id: [7]))
            #expect(try transfer.message().body.value == "one")
            try coordinator.close()
        } client: { address in
            var sender: Sender?
            let program = Careless(address, .open) { event in
                guard let sender else { return }
                try event.transaction.send(sender, Message(body: "one"))
                event.connection.close()
            }
            let handler = Scripted("program").on("onStart") { (event: ContainerEvent) in
                let connection = try event.container.connect(address)
                sender = try event.container.createSender(connection, "queue", options: option)
                try event.container.declareTransaction(connection, handler: program)
            }
            try Container(handler, options: .once).run()
        }
    }

    @Test("Links of another connection are refused")
    func otherConnection() async throws {
        try await withBroker { broker in
            let url = broker.address
            try await onThread {
                let program = Careless(url, .open) { event in
                    let other = try event.container.connect(url)
                    let sender = try event.container.createSender(other, "queue")
                    let error = #expect(throws: ProtonError.self) {
                        try event.transaction.send(sender, Message(body: "one"))
                    }
                    #expect(error?.code == .invalidArgument)
                    other.close()
                    event.connection.close()
                }
                try Container(program, options: .once).run()
            }
        }
    }
}
