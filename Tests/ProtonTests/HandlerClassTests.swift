// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Proton
import ProtonTesting
import Testing

/// Handlers that are classes with subclasses.
@Suite(.timeLimit(.minutes(1)))
struct HandlerClassTests {
    /// What servers have in common; notes what happens at its level.
    private class Server: MessagingHandlerBase {
        let journal: Journal
        private var listener: Listener?

        init(_ journal: Journal, _ options: HandlerOptions = HandlerOptions(), handlers: [any ProtonHandler] = []) {
            self.journal = journal
            super.init(options, handlers: handlers)
        }

        override func onStart(_ event: ContainerEvent) throws {
            let listener = try event.container.listen("127.0.0.1:0")
            self.listener = listener
            let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: Client())
            try event.container.createSender(connection, "q")
        }

        override func onMessage(_ event: MessageEvent) throws { journal.note("server") }

        override func onConnectionClosing(_ event: ConnectionEvent) { listener?.close() }
    }

    private class Middle: Server {
        override func onLinkOpening(_ event: LinkEvent) throws { journal.note("opening") }
    }

    /// A subclass of a subclass: one callback is its base's too, another one that of nobody above it.
    private final class Leaf: Middle {
        override func onMessage(_ event: MessageEvent) throws {
            journal.note("credit \(event.receiver.credit)")
            try super.onMessage(event)
        }

        override func onSettled(_ event: DeliveryEvent) throws { journal.note("settled") }
        override func onDelivery(_ event: DeliveryEvent) throws { journal.note("delivery") }
    }

    private final class Client: MessagingHandler {
        private var sent = 0

        func onSendable(_ event: SenderEvent) throws {
            guard sent == 0 else { return }
            sent += 1
            try event.sender.send(Message(body: "x"))
        }

        func onAccepted(_ event: DeliveryEvent) { event.connection.close() }
    }

    @Test func everyLevelsCallbacksAreMade() async throws {
        let lines = try await onThread {
            let journal = Journal()
            try Container(Leaf(journal, HandlerOptions(prefetch: 3)), options: .once).run()
            return journal.lines
        }
        #expect(Array(lines.prefix(4)) == ["opening", "delivery", "credit 2", "server"])
    }

    @Test func handlersBelowAreTold() async throws {
        let lines = try await onThread {
            let journal = Journal()
            let child = Scripted("child", journal)
            try Container(Leaf(journal, handlers: [child]), options: .once).run()
            return journal.lines
        }
        let (parent, child) = (lines.firstIndex(of: "delivery"), lines.firstIndex(of: "child.onDelivery"))
        #expect(try #require(parent) < #require(child))
    }

    @Test func anErrorThatNobodyHandlesComesOutOfRun() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                let exchange = Exchange()
                exchange.server.on("onLinkOpening") { (event: LinkEvent) in
                    event.link.close(Condition("amqp:not-found", "no such node"))
                }
                try exchange.run { container, connection in
                    try container.createSender(connection, "q", handler: MessagingHandlerBase())
                }
            }
        }
        #expect(error?.code == .linkError)
    }

    /// A callback that a class lacks would be the protocol's, and `override` of it an error.
    @Test(arguments: [
        ("Handlers/MessagingHandlerBase", ["Handlers/ProtonHandler", "Handlers/MessagingHandler"]),
        ("Transactions/TransactionalClientHandlerBase", ["Transactions/TransactionHandler"]),
    ])
    func aClassHasEveryCallback(_ name: String, _ protocols: [String]) throws {
        let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        func callbacks(_ file: String, _ keyword: String) throws -> [String] {
            let path = package.appending(path: "Sources/Proton/\(file).swift")
            return try String(contentsOf: path, encoding: .utf8)
                .split(separator: "\n").filter { $0.hasPrefix("    \(keyword)func on") }
                .compactMap { $0.split(separator: "func ").last?.split(separator: "(").first }.map(String.init)
        }
        let wanted = try Set(protocols.flatMap { try callbacks($0, "") })
        #expect(wanted.count > 5)
        #expect(try callbacks(name, "open ").sorted() == wanted.sorted())
    }

    // MARK: Transactions

    private class Worker: TransactionalClientHandlerBase {
        let journal: Journal
        private let url: String

        init(_ url: String, _ journal: Journal) {
            (self.url, self.journal) = (url, journal)
            super.init()
        }

        override func onStart(_ event: ContainerEvent) throws {
            try event.container.declareTransaction(event.container.connect(url, options: .once), handler: self)
        }

        override func onTransactionDeclared(_ event: TransactionEvent) throws {
            journal.note("declared")
            try event.transaction.commit()
        }
    }

    private final class LastWorker: Worker {
        override func onTransactionCommitted(_ event: TransactionEvent) throws {
            journal.note("committed, accepts by itself: \(options.autoAccepts)")
            event.connection.close()
        }
    }

    @Test func transactionsTellSubclassesOfSubclasses() async throws {
        let lines = try await withBroker { broker in
            let address = broker.address
            return try await onThread {
                let journal = Journal()
                try Container(LastWorker(address, journal)).run()
                return journal.lines
            }
        }
        #expect(lines == ["declared", "committed, accepts by itself: false"])
    }
}
