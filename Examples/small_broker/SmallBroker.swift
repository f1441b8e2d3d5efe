// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HeapModule
import Proton

/// A message and its place in the order of its queue.
struct Entry: Comparable {
    let number: Int
    var message: Message

    static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
    static func < (left: Entry, right: Entry) -> Bool { left.number < right.number }
}

/// The messages of one address: those that wait, and those that consumers have and have not settled.
final class Queue {
    /// How many messages a queue holds.
    private static let limit = 100_000

    private let isDynamic: Bool
    private var waiting = Heap<Entry>()
    private var unsettled: [Delivery: Entry] = [:]
    private var consumers: [Sender] = []
    private var published = 0

    init(isDynamic: Bool) { self.isDynamic = isDynamic }

    /// Whether the queue can be deleted: no consumer is there, and no message that one may still come for.
    var isUnused: Bool { consumers.isEmpty && (isDynamic || waiting.isEmpty) }

    func publish(_ message: Message) throws {
        guard waiting.count + unsettled.count < Queue.limit else {
            throw Delivery.Reject(Condition(.resourceLimitExceeded, "The queue is full: send again later."))
        }
        published += 1
        waiting.insert(Entry(number: published, message: message))
        dispatch()
    }

    func subscribe(_ consumer: Sender) { consumers.append(consumer) }

    /// Removes a consumer; what it has not settled is for the others.
    func unsubscribe(_ consumer: Sender) {
        remove(consumer)
        dispatch()
    }

    /// Sends what waits to the consumers that have credit, to one after the other.
    func dispatch() {
        while let entry = waiting.min, let index = consumers.firstIndex(where: { $0.credit > 0 }) {
            let consumer = consumers[index]
            do {
                let delivery = try consumer.send(entry.message)
                waiting.removeMin()
                // A message that is sent settled is done.
                if !delivery.isSettled { unsettled[delivery] = entry }
                consumers.append(consumers.remove(at: index))
            } catch {
                // Such as a message that is larger than this consumer takes: it stays for others.
                consumer.close(Condition(.linkDetachForced, "\(error)"))
                remove(consumer)
            }
        }
    }

    /// A consumer has the message for good.
    func remove(_ delivery: Delivery) { unsettled[delivery] = nil }

    /// A consumer gives the message back, unless it has it for good.
    /// - Parameter failed: whether this counts as a failed delivery (AMQP 1.0, 3.2.1: `delivery-count`).
    func release(_ delivery: Delivery, failed: Bool) {
        putBack(delivery, failed: failed)
        dispatch()
    }

    private func remove(_ consumer: Sender) {
        consumers.removeAll { $0 === consumer }
        for delivery in unsettled.keys where delivery.link === consumer { putBack(delivery, failed: true) }
    }

    private func putBack(_ delivery: Delivery, failed: Bool) {
        guard var entry = unsettled.removeValue(forKey: delivery) else { return }
        if failed, entry.message.deliveryCount < .max { entry.message.deliveryCount += 1 }
        waiting.insert(entry)
    }
}

/// Makes a queue for each address that a consumer attaches to, or that a message is sent to.
final class SmallBroker: MessagingHandler {
    /// How many queues there may be.
    private static let limit = 10_000

    private let url: String
    private var queues: [String: Queue] = [:]

    init(_ url: String) { self.url = url }

    func onStart(_ event: ContainerEvent) throws {
        print("listening on", try event.container.listen(url).addresses.joined(separator: ", "))
    }

    // MARK: Opening

    func onConnectionOpening(_ event: ConnectionEvent) {
        // A sender without an address may send to any: each message says where.
        event.connection.offeredCapabilities = ["ANONYMOUS-RELAY"]
    }

    /// The link is opened afterwards, with the source and the target that the peer asked for as they are changed here.
    func onLinkOpening(_ event: LinkEvent) {
        let link = event.link
        let node = link.isSender ? link.source : link.target
        guard node.kind != .coordinator else { return refuse(link, .notImplemented, "There are no transactions.") }
        let isDynamic = node.isDynamic
        if isDynamic { node.address = AMQPUUID.random().description }

        guard let sender = event.sender else { return }
        guard let address = node.address else { return refuse(link, .invalidField, "The source has no address.") }
        guard let queue = queue(address, isDynamic: isDynamic) else {
            return refuse(link, .resourceLimitExceeded, "There are too many queues.")
        }
        queue.subscribe(sender)
        // What is not served is not confirmed: filters, browsing, durable subscriptions.
        (node.filter, node.distributionMode, node.durability) = ([:], .move, .none)
        sender.senderSettleMode = sender.remoteSenderSettleMode
    }

    /// Answers with a null source and target, which say that an error follows (AMQP 1.0, 2.6.3), and with the error.
    private func refuse(_ link: Link, _ name: Symbol, _ reason: String) {
        link.source.kind = .unspecified
        link.target.kind = .unspecified
        link.open()
        link.close(Condition(name, reason))
    }

    /// The queue of an address, which is made where there is none; nil where there are too many.
    private func queue(_ address: String, isDynamic: Bool = false) -> Queue? {
        if queues[address] == nil, queues.count < SmallBroker.limit { queues[address] = Queue(isDynamic: isDynamic) }
        return queues[address]
    }

    // MARK: Messages

    func onMessage(_ event: MessageEvent) throws {
        guard let address = event.receiver.target.address ?? event.message.address else {
            throw Delivery.Reject(Condition(.invalidField, "Neither the target nor the message has an address."))
        }
        guard let queue = queue(address) else {
            throw Delivery.Reject(Condition(.resourceLimitExceeded, "There are too many queues."))
        }
        // The message is accepted when this returns.
        try queue.publish(event.message)
    }

    func onSendable(_ event: SenderEvent) { queue(of: event.sender)?.dispatch() }
    func onAccepted(_ event: DeliveryEvent) { queue(of: event.delivery.link)?.remove(event.delivery) }
    func onRejected(_ event: DeliveryEvent) { queue(of: event.delivery.link)?.remove(event.delivery) }

    func onReleased(_ event: DeliveryEvent) {
        var failed = false
        if case .modified(deliveryFailed: true, _, _) = event.delivery.remoteState?.outcome { failed = true }
        queue(of: event.delivery.link)?.release(event.delivery, failed: failed)
    }

    /// Of a message that is settled with an outcome, that has been told before.
    func onSettled(_ event: DeliveryEvent) {
        if event.delivery.isInDoubt { queue(of: event.delivery.link)?.release(event.delivery, failed: true) }
    }

    private func queue(of link: Link) -> Queue? {
        link.isSender ? link.source.address.flatMap { queues[$0] } : nil
    }

    // MARK: Closing

    func onLinkClosing(_ event: LinkEvent) { detach(event.link) }
    func onLinkClosed(_ event: LinkEvent) { detach(event.link) }
    func onLinkDetached(_ event: LinkEvent) { detach(event.link) }
    func onLinkError(_ event: LinkEvent) { detach(event.link) }
    func onSessionClosing(_ event: SessionEvent) { detachAll(on: event.connection, of: event.session) }
    func onConnectionClosing(_ event: ConnectionEvent) { detachAll(on: event.connection) }
    func onTransportClosed(_ event: TransportEvent) { detachAll(on: event.connection) }

    private func detachAll(on connection: Connection, of session: Session? = nil) {
        for link in connection.links where session == nil || link.session === session { detach(link) }
    }

    /// Forgets a link, and its queue where nobody uses that any more.
    private func detach(_ link: Link) {
        guard let sender = link as? Sender, let address = link.source.address, let queue = queues[address] else {
            return
        }
        queue.unsubscribe(sender)
        if queue.isUnused { queues[address] = nil }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "small_broker", abstract: "A message broker that keeps queues in memory, made on demand.")

    @Option(name: .shortAndLong, help: "address to listen on")
    var address = "localhost:5672"

    func run() throws { try Container(SmallBroker(address)).run(stoppingOn: .interrupt, .terminate) }
}
