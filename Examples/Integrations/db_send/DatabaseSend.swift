// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DatabaseSupport
import Proton

/// Sends the records of a database, and deletes each when its message is settled.
final class Send: MessagingHandler {
    let url: String
    let target: Int
    let store: RecordStore
    var records: [TextRecord] = []
    var isLoading = false
    var sent = 0
    var confirmed = 0
    var sender: Sender?

    /// Where messages are not confirmed, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ count: Int) throws {
        self.url = url
        target = count
        store = try RecordStore("src_db", EventInjector())
    }

    var keepsSending: Bool { target == 0 || sent < target }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.selectable(store.injector)
        sender = try event.container.createSender(url)
    }

    func onApplicationEvent(_ event: ApplicationEvent) throws {
        guard event.name == "records_loaded" else { throw DatabaseFailure(event) }
        isLoading = false
        records += event.subject as? [TextRecord] ?? []
        if records.isEmpty {
            print("Exhausted available data, waiting to recheck...")
            // Check for new data after 5 seconds.
            event.container.schedule(after: .seconds(5), self)
        } else {
            try send()
        }
    }

    func requestRecords() {
        guard records.isEmpty, keepsSending, !isLoading else { return }
        print("loading records...")
        isLoading = true
        store.load(atMost: 50, ApplicationEvent("records_loaded", link: sender))
    }

    func onSendable(_ event: SenderEvent) throws {
        try send()
    }

    func send() throws {
        while let sender, sender.credit > 0, keepsSending, !records.isEmpty {
            let record = records.removeFirst()
            let body = record.description.map { AMQPValue.string($0) } ?? .null
            let message = Message(id: MessageID(record.id), body: .value(body), isDurable: true)
            try sender.send(message, tag: "\(record.id)".utf8)
            sent += 1
            print("sent message \(record.id)")
        }
        requestRecords()
    }

    func onSettled(_ event: DeliveryEvent) throws {
        guard let id = Int64(String(decoding: event.delivery.tag, as: UTF8.self)) else { return }
        switch event.delivery.remoteState {
        case .outcome(.accepted): break
        // The record stays, for the next time.
        case .outcome(let outcome): throw SendError(outcome)
        default: throw ProtonError(.inDoubt, "The peer settled message \(id) without an outcome: it stays.")
        }
        store.delete(id)
        print("settled message \(id)")
        confirmed += 1
        if confirmed == target {
            event.connection.close()
            store.close()
        }
    }

    func onDisconnected(_ event: TransportEvent) {
        store.reset()
        records = []
        sent = confirmed
    }

    func onTimerTask(_ event: TimerEvent) {
        print("Rechecking for data...")
        requestRecords()
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db_send", abstract: "Send the records of the database src_db to the supplied address.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to send; 0 sends indefinitely")
    var messages = 0

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        try Container(Send(address, messages), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
