// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Proton

/// Sends and receives for several threads, over a connection that has a thread of its own.
///
/// `@unchecked Sendable`: `sender` and `unsent` are used in the connection's domain only, the rest under `condition`.
final class Client: MessagingHandler, @unchecked Sendable {
    private let url: String
    private let address: String
    private var sender: Sender?
    private var unsent: [Message] = []

    private let condition = NSCondition()
    private var workQueue: WorkQueue?
    private var received: [Message] = []
    private var ending: Result<Void, any Error>?

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ address: String) {
        self.url = url
        self.address = address
    }

    // MARK: For any thread

    /// Runs the connection on this thread, until it is closed.
    func run() {
        let options = ConnectionOptions(reconnect: nil)
        let ending = Result { try Container(options: options).run(threads: 1, handler: self) }
        update { self.ending = ending }
    }

    func send(_ message: Message) throws {
        let workQueue = try wait { self.workQueue }
        workQueue.add { _ in
            self.unsent.append(message)
            try self.sendUnsent()
        }
    }

    func receive() throws -> Message {
        try wait { self.received.isEmpty ? nil : self.received.removeFirst() }
    }

    func close() throws {
        try wait { self.workQueue }.add { $0.close() }
        let ending = condition.withLock {
            while self.ending == nil { condition.wait() }
            return self.ending
        }
        try ending?.get()
    }

    private func update(_ body: () -> Void) {
        condition.withLock(body)
        condition.broadcast()
    }

    /// Waits until there is something, or the connection has ended.
    private func wait<Value>(_ body: () -> Value?) throws -> Value {
        try condition.withLock {
            while true {
                if let value = body() { return value }
                if let ending {
                    try ending.get()
                    throw ProtonError(.closed, "The connection is closed.")
                }
                condition.wait()
            }
        }
    }

    // MARK: Callbacks, on the connection's thread

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(url)
        sender = try event.container.createSender(connection, address)
        try event.container.createReceiver(connection, address)
    }

    func onLinkOpened(_ event: LinkEvent) {
        if event.link.isSender { update { workQueue = event.connection.workQueue } }
    }

    func onSendable(_ event: SenderEvent) throws {
        try sendUnsent()
    }

    func onRejected(_ event: DeliveryEvent) throws { try fail(event) }
    func onReleased(_ event: DeliveryEvent) throws { try fail(event) }

    /// Ends the program: a message was not taken, and will not come back.
    private func fail(_ event: DeliveryEvent) throws {
        if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
    }

    func onMessage(_ event: MessageEvent) {
        update { received.append(event.message) }
    }

    private func sendUnsent() throws {
        while let sender, sender.credit > 0, !unsent.isEmpty { try sender.send(unsent.removeFirst()) }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "multithreaded_client",
        abstract: "Send messages in one thread, receive them in another, and run the connection in a third.")

    @Argument(help: "connection address, such as amqp://127.0.0.1")
    var connectionURL: String

    @Argument(help: "AMQP node address, such as examples")
    var address: String

    @Argument(help: "number of messages to send")
    var messageCount: Int

    func validate() throws {
        guard messageCount > 0 else { throw ValidationError("Give a number of messages above 0.") }
    }

    func run() throws {
        let client = Client(connectionURL, address)
        Foundation.Thread.detachNewThread { client.run() }
        Foundation.Thread.detachNewThread { [messageCount] in
            for number in 1...messageCount {
                let message = Message(body: String(number))
                // Where the connection ends, so does receiving, which says why.
                guard (try? client.send(message)) != nil else { return }
                print("sent \"\(message.body)\"")
            }
        }
        for _ in 0..<messageCount { print("received \"\(try client.receive().body)\"") }
        try client.close()
        print("\(messageCount) messages sent and received")
    }
}
