// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DatabaseSupport
import Proton

/// Inserts what it receives into a database, and accepts each message when its record is committed.
final class Recv: MessagingHandler {
    let url: String
    let expected: Int
    let store: RecordStore
    var lastID: Int64 = 0
    var received = 0
    var accepted = 0

    /// Where messages are missing, a peer that closes is an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(autoAccepts: false, treatsPeerCloseAsError: true) }

    init(_ url: String, _ count: Int) throws {
        self.url = url
        expected = count
        store = try RecordStore("dst_db", EventInjector())
    }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.selectable(store.injector)
        store.lastID(ApplicationEvent("id_loaded"))
    }

    func onApplicationEvent(_ event: ApplicationEvent) throws {
        switch event.name {
        case "id_loaded":
            lastID = event.subject as? Int64 ?? 0
            try event.container.createReceiver(url)
        case "record_inserted":
            event.delivery?.accept()
            accepted += 1
            if accepted == expected {
                event.connection?.close()
                store.close()
            }
        default: throw DatabaseFailure(event)
        }
    }

    func onMessage(_ event: MessageEvent) throws {
        guard let id = event.message.id?.intValue.map(Int64.init) else { return event.delivery.reject() }
        if id <= lastID {
            event.delivery.accept()
        } else if expected == 0 || received < expected {
            received += 1
            lastID = id
            let body = event.message.body.value.stringValue ?? ""
            store.insert(id, body, ApplicationEvent("record_inserted", delivery: event.delivery))
            print("inserted message \(id)")
        } else {
            event.delivery.release()
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db_recv", abstract: "Receive messages and insert them into the database dst_db.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages to receive; 0 receives indefinitely")
    var messages = 0

    func validate() throws {
        guard messages >= 0 else { throw ValidationError("--messages: give 0 or a number above it.") }
    }

    func run() throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        try Container(Recv(address, messages), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
