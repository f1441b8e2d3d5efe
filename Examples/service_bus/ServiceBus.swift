// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Where the queue is, and who may use it.
struct Entity {
    /// The namespace, as in `example.servicebus.windows.net`.
    let namespace: String
    let name: String
    /// The policy and its key: Service Bus takes them as user and password.
    let options: ConnectionOptions
    /// How long a receiver waits for a message.
    let patience: Duration

    var url: String { "amqps://\(namespace)" }
}

/// What is done: one step after the other, each on a connection of its own.
final class Sequence: MessagingHandler {
    let entity: Entity
    var steps = 0

    init(_ entity: Entity) {
        self.entity = entity
    }

    func onStart(_ event: ContainerEvent) throws {
        try next(event.container)
    }

    func next(_ container: Container) throws {
        steps += 1
        let handler: any MessagingHandler =
            switch steps {
            case 1: SessionSender(self)
            case 2: SessionReceiver(self, session: "green")
            case 3: SessionReceiver(self, session: "red")
            // Until no session has messages left.
            default: SessionReceiver(self, session: nil)
            }
        try container.connect(entity.url, handler: handler, options: entity.options)
    }
}

/// Sends messages of several of Service Bus's sessions, which it tells apart by the group id.
final class SessionSender: MessagingHandler {
    let sequence: Sequence
    var remaining = ["red", "green", "blue", "red", "black", "blue", "yellow"].enumerated().makeIterator()
    var waiting = 0

    init(_ sequence: Sequence) {
        self.sequence = sequence
    }

    func onConnectionOpened(_ event: ConnectionEvent) throws {
        try event.container.createSender(event.connection, sequence.entity.name)
    }

    func onSendable(_ event: SenderEvent) throws {
        while event.sender.credit > 0, let (number, session) = remaining.next() {
            let message = Message(
                body: .value(.string("message \(number) in service bus session \"\(session)\"")), groupID: session)
            try event.sender.send(message)
            waiting += 1
            print("   sent message: \(message.body)")
        }
    }

    func onAccepted(_ event: DeliveryEvent) throws {
        waiting -= 1
        guard waiting == 0 else { return }
        event.connection.close()
        try sequence.next(event.container)
    }
}

/// Receives the messages of one of Service Bus's sessions, or of whichever has some.
final class SessionReceiver: MessagingHandler {
    let sequence: Sequence
    let session: String?
    var receiver: Receiver?
    var timer: TimerTask?
    var count = 0

    init(_ sequence: Sequence, session: String?) {
        (self.sequence, self.session) = (sequence, session)
    }

    func onConnectionOpened(_ event: ConnectionEvent) throws {
        // A plain string or null, and no described value: that is what Service Bus wants.
        let filter: AMQPMap = [.symbol("com.microsoft:session-filter"): session.map { .string($0) } ?? .null]
        receiver = try event.container.createReceiver(
            event.connection, sequence.entity.name, options: .filter(filter))
        // Where nothing waits, Service Bus attaches the link once a message comes.
        wait(event.container)
    }

    func onLinkOpened(_ event: LinkEvent) {
        let actual = event.link.remoteSource.filter[Symbol("com.microsoft:session-filter")]?.stringValue ?? ""
        print("receiving messages with session identifier \"\(actual)\" from queue \(sequence.entity.name)")
        wait(event.container)
    }

    func onMessage(_ event: MessageEvent) {
        count += 1
        print("   received message: \(event.message.body)")
        wait(event.container)
    }

    /// Waits for the next message, anew.
    func wait(_ container: Container) {
        timer?.cancel()
        timer = container.schedule(after: sequence.entity.patience, self)
    }

    /// Service Bus has no drain: that no message came for a while is the end.
    func onTimerTask(_ event: TimerEvent) throws {
        receiver?.connection.close()
        if count > 0 {
            try sequence.next(event.container)
        } else {
            print("Done. No more messages.")
        }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service_bus",
        abstract: "Send messages to a queue of Azure Service Bus that has sessions, and receive them by session.")

    @Option(name: .shortAndLong, help: "Service Bus full namespace, as in foo.servicebus.windows.net")
    var namespace: String

    @Option(name: .shortAndLong, help: "policy name that specifies access rights (key name)")
    var policy: String

    @Option(name: .shortAndLong, help: "secret key for the policy")
    var key: String

    @Option(name: .shortAndLong, help: "entity path (queue name)")
    var entity: String

    @Option(help: "how many seconds without a message are the end")
    var timeout = 5.0

    func validate() throws {
        guard timeout > 0 else { throw ValidationError("Give a number of seconds above 0.") }
    }

    func run() throws {
        let options = ConnectionOptions(user: policy, password: key, allowedMechanisms: ["PLAIN"], reconnect: nil)
        let entity = Entity(namespace: namespace, name: entity, options: options, patience: .seconds(timeout))
        try Container(Sequence(entity)).run(stoppingOn: .interrupt, .terminate)
    }
}
