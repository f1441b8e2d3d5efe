// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// What is done with links.
    static let links: [Feature] = [
        Feature("drain", needed: [.rabbitMQ4, .swift]) { peer in
            let queue = try peer.newQueue()
            let sender = try peer.connect().createSender(queue)
            for body in ["a", "b"] { try sender.send(Message(body: body)) }
            let drain = Drain(peer, queue)
            try run(drain, orElse: "does not answer a drain")
            try require(drain.count == 2, "the drain ends after \(drain.count) of 2 messages")
            return ""
        },
        Feature("detach, and attach again", needed: [.rabbitMQ3, .rabbitMQ4, .swift]) { peer in
            let queue = try peer.newQueue()
            let durable = LinkOption.target { $0.durability = .unsettledState }
            try peer.connect().createSender(queue, options: durable).send(Message(body: "x", isDurable: true))
            let detach = Detach(peer, queue)
            try run(detach, orElse: "does not answer, or sends nothing to the link that is attached again")
            try require(detach.body == "x", "another message comes")
            return detach.isClosed ? "it answers the detach by closing the link" : ""
        },
    ]
}

/// Runs a handler on a container of its own until it stops that, for five seconds at most where nothing else is said.
func run(
    _ handler: some MessagingHandler, atMost limit: Duration = .seconds(5),
    orElse missing: @autoclosure @escaping () -> String
) throws {
    let container = try Container(handler, options: ConnectionOptions(reconnect: nil))
    container.schedule(after: limit) { throw Lacking(missing()) }
    try container.run()
}

/// Drains a queue.
private final class Drain: MessagingHandler {
    var count = 0
    private let (peer, queue): (Peer, String)

    var options: HandlerOptions { HandlerOptions(prefetch: 0, treatsPeerCloseAsError: true) }

    init(_ peer: Peer, _ queue: String) {
        (self.peer, self.queue) = (peer, queue)
    }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.createReceiver(try event.container.connect(peer.address), queue)
    }

    func onLinkOpened(_ event: LinkEvent) throws { try event.receiver?.drain(10) }
    func onMessage(_ event: MessageEvent) { count += 1 }
    func onReceiverDrainFinish(_ event: ReceiverEvent) { event.container.stop() }
}

/// Detaches a receiver, attaches it again by its name, and receives a message.
private final class Detach: MessagingHandler {
    var body: Message.Body?
    var isClosed = false
    private var isAgain = false
    private let (peer, queue): (Peer, String)

    var options: HandlerOptions { HandlerOptions(prefetch: 0, treatsPeerCloseAsError: true) }

    init(_ peer: Peer, _ queue: String) {
        (self.peer, self.queue) = (peer, queue)
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(peer.address)
        try event.container.createReceiver(connection, queue, name: "again", options: .durableSubscription)
    }

    func onLinkOpened(_ event: LinkEvent) throws {
        if isAgain { try event.receiver?.flow(1) } else { event.link.detach() }
    }

    func onLinkDetached(_ event: LinkEvent) throws { try attachAgain(event) }

    func onLinkError(_ event: LinkEvent) throws {
        guard !isAgain, event.link.remoteCondition == nil else {
            throw Lacking("closes the link: \(event.link.remoteCondition.map { "\($0)" } ?? "it gives no reason")")
        }
        isClosed = true
        try attachAgain(event)
    }

    private func attachAgain(_ event: LinkEvent) throws {
        isAgain = true
        try event.container.createReceiver(event.session, queue, name: "again", options: .durableSubscription)
    }

    func onMessage(_ event: MessageEvent) {
        body = event.message.body
        event.delivery.accept()
        event.container.stop()
    }
}
