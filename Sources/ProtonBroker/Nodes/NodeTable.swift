import Proton
import Synchronization

/// The nodes of a broker by their addresses.
///
/// A node is there as long as somebody uses it, it holds messages, or it is declared. Each of the broker's threads may
/// call this.
final class NodeTable: Sendable {
    private let options: BrokerOptions
    let support: NodeSupport
    let topics = Topics()
    private let topicPatterns: [AddressPattern]
    private let entries = Mutex<[String: Entry]>([:])

    private struct Entry {
        let node: Node
        /// How many links, and others for a moment, use the node: it is not forgotten meanwhile.
        var users = 0
        /// Whether it stays though nobody uses it.
        var isKept = false
    }

    init(_ options: BrokerOptions, _ support: NodeSupport) {
        self.options = options
        self.support = support
        topicPatterns = options.topics.map(AddressPattern.init)
        for queue in options.queues {
            let node = Node(
                address: queue.address, kind: .queue(isExclusive: queue.isExclusive),
                limits: queue.limits ?? options.queueLimits, support: support)
            entries.withLock { $0[queue.address] = Entry(node: node, isKept: true) }
        }
    }

    /// Sets how a timer is started that tells nodes of the time: after a time, from any thread.
    func setTimer(_ start: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void) {
        support.timetable.setTimer(start) { [weak self] node in
            node.timeHasCome()
            // What it held may all have expired.
            self?.forgetIfUnused(node)
        }
    }

    // MARK: Using nodes

    /// The queue with an address, made where there is none; `release` ends its use.
    /// - Throws: where there is none and none may be made, and where the address is that of a subscription: what a
    ///   subscriber has of its topics is nobody else's.
    func use(_ address: String) throws(Refusal) -> Node {
        try entries.withLock { entries throws(Refusal) in
            if let node = entries[address]?.node {
                guard node.subscription == nil else {
                    throw Refusal(.notAllowed, "\(address) is a subscription: attach to its topic, as its subscriber.")
                }
                entries[address]?.users += 1
                return node
            }
            guard options.makesQueues else { throw Refusal(.notFound, "There is no queue \(address).") }
            return try make(address, .queue(isExclusive: false), isKept: false, &entries)
        }
    }

    /// A new node with an address that nobody knows yet; `delete` ends it.
    /// - Throws: where the broker has as many nodes as it may.
    func makeDynamicNode() throws(Refusal) -> Node {
        let address = AMQPUUID.random().description
        return try entries.withLock { entries throws(Refusal) in try make(address, .dynamic, isKept: false, &entries) }
    }

    private func make(
        _ address: String, _ kind: Node.Kind, isKept: Bool, _ entries: inout [String: Entry]
    ) throws(Refusal) -> Node {
        guard entries.count < options.maxQueues else {
            throw Refusal(
                .resourceLimitExceeded, "The broker has \(entries.count) queues, which is as many as it may.")
        }
        let node = Node(address: address, kind: kind, limits: limits(of: kind), support: support)
        entries[address] = Entry(node: node, users: 1, isKept: isKept)
        return node
    }

    private func limits(of kind: Node.Kind) -> QueueLimits {
        var limits = options.queueLimits
        // A slow subscriber holds up nobody else: it loses what it is too slow for, or its publishers hear of it.
        if case .subscription(let subscription) = kind {
            limits.policy = subscription.isDurable ? .reject : .dropOldest
        }
        return limits
    }

    /// Uses a node once more that is in use already; `release` ends that as well.
    func useAgain(_ node: Node) {
        entries.withLock { entries in
            if entries[node.address]?.node === node { entries[node.address]?.users += 1 }
        }
    }

    /// Ends the use of a node, which is forgotten where nobody else needs it.
    func release(_ node: Node) {
        let isForgotten = entries.withLock { entries in
            guard let entry = entries[node.address], entry.node === node else { return false }
            guard entry.users <= 1, !entry.isKept, node.isEmpty else {
                entries[node.address]?.users -= 1
                return false
            }
            entries[node.address] = nil
            return true
        }
        if isForgotten { node.delete() }
    }

    /// Forgets a node where nobody needs it.
    private func forgetIfUnused(_ node: Node) {
        useAgain(node)
        release(node)
    }

    /// Forgets a node, whatever it holds, and closes its links.
    func delete(_ node: Node) {
        entries.withLock { entries in
            if entries[node.address]?.node === node { entries[node.address] = nil }
        }
        topics.remove(node)
        node.delete()
    }

    /// What all queues hold.
    var status: [QueueStatus] {
        let nodes = entries.withLock { $0.values.map(\.node) }
        return nodes.map(\.status).sorted { $0.address < $1.address }
    }

    // MARK: Topics

    /// Whether an address is that of topics.
    func isTopic(_ address: String) -> Bool { topicPatterns.contains { $0.matches(address) } }

    /// The node of a subscriber, which gets its messages from now on.
    /// - Parameter name: what a durable subscription is called; nil makes one that goes with its link.
    /// - Throws: where the broker has as many nodes as it may.
    func subscribe(_ subscription: Subscription, name: SubscriptionName?) throws(Refusal) -> Node {
        let (node, isKnown, replaced) = try entries.withLock { entries throws(Refusal) -> (Node, Bool, Node?) in
            var replaced: Node?
            if let name, let known = find(name, entries) {
                guard let old = known.subscription else {
                    throw Refusal(.notAllowed, "There is a queue by the name of the subscription, \(known.address).")
                }
                if old.isSame(as: subscription) {
                    entries[known.address]?.users += 1
                    return (known, true, nil)
                }
                // Another subscription under the same name takes the place of the old one, as JMS has it.
                entries[known.address] = nil
                replaced = known
            }
            let address = name?.address ?? AMQPUUID.random().description
            return (try make(address, .subscription(subscription), isKept: name != nil, &entries), false, replaced)
        }
        if let replaced {
            topics.remove(replaced)
            replaced.delete(isReplaced: true)
        }
        if isKnown { return node }
        topics.add(node)
        node.store()
        return node
    }

    /// The node that a subscription's name stands for.
    private func find(_ name: SubscriptionName, _ entries: [String: Entry]) -> Node? {
        if let node = entries[name.address]?.node { return node }
        let earlier = entries[name.earlierAddress]?.node
        return earlier?.subscription?.hasEarlierName == true ? earlier : nil
    }

    // MARK: Messages without a link to their node

    /// Where the messages of the anonymous relay go that have an address.
    enum Destination {
        case node(Node)
        case topic(String)
    }

    /// Does something with the destination of a message of the anonymous relay.
    /// - Throws: where the message does not say, or there is none; what `body` throws.
    func withDestination<Result>(
        of bytes: [UInt8], _ body: (Destination) throws(Refusal) -> Result
    ) throws(Refusal) -> Result {
        let address: String?
        do throws(CodecError) {
            address = try Message(decoding: bytes).address
        } catch {
            throw Refusal(.decodeError, error.description)
        }
        guard let address else {
            throw Refusal(.preconditionFailed, "The link has no address: each of its messages has to say where to.")
        }
        if isTopic(address) { return try body(.topic(try NodeTable.checked(address))) }
        // A message for a dynamic node that is gone would make a queue that nobody knows of.
        if AMQPUUID(address) != nil, entries.withLock({ $0[address] == nil }) {
            throw Refusal(.notFound, "There is no node \(address).")
        }
        let node = try use(try NodeTable.checked(address))
        defer { release(node) }
        return try body(.node(node))
    }

    /// Takes what a consumer has rejected, where there is a queue for that.
    func takeRejected(_ bytes: [UInt8], from node: Node) {
        guard let address = options.deadLetterAddress, address != node.address else { return }
        do throws(Refusal) {
            let queue = try use(address)
            defer { release(queue) }
            _ = try queue.put(bytes)
        } catch {
            support.limitLog.note(.rejected, error.reason, address: node.address)
        }
    }

    // MARK: The store

    /// Makes the nodes that the store has kept, with their messages.
    /// - Throws: where the store cannot be read, or holds what this broker does not understand.
    func recover() throws {
        guard let store = support.store else { return }
        var nodes: [UInt64: Node] = [:]
        try store.recover { item in
            switch item {
            case .queue(let queue):
                support.noteStoredID(queue.id)
                nodes[queue.id] = try restore(queue)
            case .message(let message):
                guard QueuedMessage.isPlace(message.place) else {
                    throw ProtonError(
                        .storeFailed,
                        "The store has a message at the place \(message.place), which no broker gives: is it damaged?")
                }
                nodes[message.queue]?.restore(message)
            }
        }
        // A broker that crashed may have left queues that it was about to forget.
        for node in nodes.values {
            let isListed = entries.withLock { $0[node.address]?.node === node }
            if isListed { forgetIfUnused(node) } else if node.isEmpty { node.delete() }
        }
    }

    private func restore(_ stored: StoredQueue) throws -> Node {
        let declared = options.queues.first { $0.address == stored.address }
        var kind = Node.Kind.queue(isExclusive: declared?.isExclusive ?? false)
        if !stored.details.isEmpty {
            guard let subscription = Subscription(details: stored.details) else {
                throw ProtonError(
                    .invalidArgument, "The store has a node \(stored.address) of a kind that this broker does not know."
                )
            }
            guard declared == nil else {
                throw ProtonError(
                    .invalidArgument,
                    "queues: \(stored.address) is a durable subscription in the store: declare another address.")
            }
            kind = .subscription(subscription)
        }
        let limits = declared?.limits ?? limits(of: kind)
        let node = Node(address: stored.address, kind: kind, limits: limits, support: support, stored: stored)
        let isSubscription = node.subscription != nil
        entries.withLock { entries in
            let isKept = isSubscription || entries[stored.address]?.isKept ?? false
            entries[stored.address] = Entry(node: node, isKept: isKept)
        }
        if isSubscription { topics.add(node) }
        return node
    }

    /// Has the store take what `body` changes as one.
    func atomically(_ body: () -> Void) {
        if let store = support.store { store.atomically(body) } else { body() }
    }

    // MARK: Addresses

    /// The longest address that is taken, in bytes of UTF-8.
    private static let maxAddressSize = 1_024

    /// An address that a node can have.
    static func checked(_ address: String) throws(Refusal) -> String {
        guard !address.isEmpty else { throw Refusal(.invalidField, "The address is empty.") }
        guard address.utf8.count <= maxAddressSize else {
            throw Refusal(.invalidField, "The address is longer than \(maxAddressSize) bytes.")
        }
        return address
    }
}
