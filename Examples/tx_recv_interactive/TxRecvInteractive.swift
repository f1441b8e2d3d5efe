// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Proton

/// Receives messages in transactions, as another thread says.
final class TxRecv: TransactionalClientHandler {
    let server: String
    let address: String
    let events: EventInjector
    var receiver: Receiver?
    var transaction: Transaction?

    /// Where the peer closes there is nothing to wait for: an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ server: String, _ address: String, _ events: EventInjector) {
        self.server = server
        self.address = address
        self.events = events
    }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.selectable(events)
        let connection = try event.container.connect(server)
        receiver = try event.container.createReceiver(connection, address)
        try event.container.declareTransaction(connection, handler: self, settlesBeforeDischarge: true)
    }

    func onMessage(_ event: MessageEvent) throws {
        print(event.message.body)
        try transaction?.accept(event.delivery)
    }

    func onTransactionDeclared(_ event: TransactionEvent) {
        transaction = event.transaction
        print("transaction declared")
    }

    func onTransactionCommitted(_ event: TransactionEvent) throws {
        print("transaction committed")
        try event.container.declareTransaction(event.connection, handler: self)
    }

    func onTransactionAborted(_ event: TransactionEvent) throws {
        print("transaction aborted")
        try event.container.declareTransaction(event.connection, handler: self)
    }

    func onApplicationEvent(_ event: ApplicationEvent) throws {
        switch event.name {
        case "fetch": try receiver?.flow(1)
        case "commit": try transaction?.commit()
        case "abort": try transaction?.abort()
        case "quit":
            receiver?.close()
            receiver?.connection.close()
            events.close()
        default: print("Enter 'fetch', 'commit', 'abort' or 'quit'")
        }
    }
}

/// The lines of the standard input, as they come.
///
/// `readLine` would not do: it holds a lock of the C library while it waits, and from glibc 2.41 on `exit` waits for that
/// lock, so that the program would end with the next line only.
struct InputLines: Sequence, IteratorProtocol {
    private var rest: [UInt8] = []

    mutating func next() -> String? {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                defer { rest.removeSubrange(...end) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            let more = FileHandle.standardInput.availableData
            guard more.isEmpty else {
                rest += more
                continue
            }
            defer { rest = [] }
            return rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self)
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tx_recv_interactive", abstract: "Receive messages in transactions, as the standard input says.")

    @Argument(help: "where the broker is")
    var server = "localhost:5672"

    @Argument(help: "the queue")
    var address = "examples"

    func run() throws {
        let events = EventInjector()
        Thread.detachNewThread {
            print("Enter 'fetch', 'commit' or 'abort'")
            for line in InputLines() { events.trigger(ApplicationEvent(line)) }
            events.trigger(ApplicationEvent("quit"))
        }
        let options = ConnectionOptions(reconnect: nil)
        try Container(TxRecv(server, address, events), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
