// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities
import Synchronization

/// The nodes of a broker by their addresses: queues, and topics with the queues of their subscriptions.
///
/// A queue exists as long as it is used, has messages, or is declared. A declared queue's address is a queue even if it matches a
/// pattern of topics. Each of the broker's threads may call this.
final class AddressTable: Sendable {
    let options: BrokerOptions
    let topics = Topics()
    private let topicPatterns: [AddressPattern]
    let entries = Mutex<[Address: Entry]>([:])
    /// The declared queues. It may be locked while `entries` is locked, but not the other way around.
    let declarations = Mutex<[Address: Declared]>([:])

    struct Entry {
        let queue: Queue
        /// How many links, and short operations, use the queue: it is not deleted meanwhile.
        var users = 0
        /// Whether it is kept while it is unused.
        var isKept = false
        /// The owner of the subscription; nil if it has none, and for other queues.
        var owner: UserName?
    }

    init(_ options: BrokerOptions) {
        self.options = options
        topicPatterns = options.topics.map(AddressPattern.init)
    }

    /// A declared queue.
    struct Declared {
        var declaration: QueueDeclaration
        /// Whether a request to the management node has declared it: then the store keeps the declaration.
        var isByRequest = false
    }

    func declared(_ address: String) -> Declared? { declarations.withLock { $0[Address(address)] } }

    /// Creates the declared queues.
    func declare(_ queues: [QueueDeclaration], _ context: BrokerContext) {
        for declaration in queues {
            declarations.withLock { $0[Address(declaration.address)] = Declared(declaration: declaration) }
            let queue = Queue(
                settings(of: declaration.address, .named(isExclusive: declaration.isExclusive), context),
                kind: .named(isExclusive: declaration.isExclusive), context: context)
            entries.withLock { $0[Address(declaration.address)] = Entry(queue: queue, isKept: true) }
        }
    }

    /// Removes all queues: the broker has ended.
    func removeAll() {
        let queues = entries.withLock { exchange(&$0, with: [:]) }
        topics.removeAll()
        withExtendedLifetime(queues) {}
    }

    private func settings(
        of address: String, _ kind: Queue.Kind, _ context: BrokerContext, owner: UserName? = nil,
        storeID: UInt64? = nil
    ) -> QueueSettings {
        let declared = self.declared(address)
        let declaration = declared?.declaration
        var settings = QueueSettings(address: address)
        settings.limits = declaration?.limits ?? options.queueLimits
        settings.redelivery = declaration?.redelivery ?? options.redelivery
        settings.deadLetterAddress = (declaration?.deadLetterAddress ?? options.deadLetterAddress)
            .flatMap { DeadLetterAddress($0).address(for: address) }
        settings.deadLettersExpired = options.deadLettersExpired
        switch kind {
        case .named:
            settings.isDurable = context.store != nil
            if let declared, declared.isByRequest { settings.details = declared.declaration.details }
        case .dynamic: break
        case .subscription(let subscription):
            settings.isDurable = subscription.isDurable && context.store != nil
            settings.details = subscription.details(owner: owner)
            // A slow subscriber blocks no others, unless the options say that its publishers are refused.
            settings.limits.policy = subscription.isDurable ? options.subscriptionPolicy : .dropOldest
        }
        if settings.isDurable { settings.storeID = storeID ?? context.store?.newQueueID() ?? 0 }
        return settings
    }

    // MARK: Using queues

    /// The queue with an address, which is created if it does not exist; `release` ends its use.
    /// - Parameter access: the permissions of the peer that uses it; nil is the broker itself.
    /// - Throws: if there is none and none may be created, and if the address is that of a subscription: only its subscriber may
    ///   use it.
    func use(
        _ address: String, by access: PeerAccess?, _ context: BrokerContext
    ) throws(ConditionError) -> Queue {
        guard !ManagementNode.isAddress(address) else {
            throw ConditionError(.notAllowed, "\(address) is the broker's management node, and no queue.")
        }
        return try entries.withLock { entries throws(ConditionError) in
            if let queue = entries[Address(address)]?.queue {
                guard queue.subscription == nil else {
                    throw ConditionError(
                        .notAllowed, "\(address) is a subscription: attach to its topic, as its subscriber.")
                }
                entries[Address(address)]?.users += 1
                return queue
            }
            guard options.makesQueues else { throw ConditionError(.notFound, "There is no queue \(address).") }
            if let access, !access.mayCreate(address) { throw access.missingQueue(address) }
            return try make(address, .named(isExclusive: false), isKept: false, &entries, context)
        }
    }

    /// Creates a queue with a new, unknown address; `delete` ends it.
    /// - Throws: if the broker has the maximum number of queues.
    /// - Parameter maker: the connection for which it is created.
    func makeDynamicQueue(
        for maker: ObjectIdentifier, _ context: BrokerContext
    ) throws(ConditionError) -> Queue {
        let address = AMQPUUID.random().description
        return try entries.withLock { entries throws(ConditionError) in
            try make(address, .dynamic(maker: maker), isKept: false, &entries, context)
        }
    }

    /// The connection for which a dynamic node was created; nil if an address is not that of a dynamic node.
    func maker(ofDynamic address: String) -> ObjectIdentifier? {
        guard case .dynamic(let maker)? = entries.withLock({ $0[Address(address)]?.queue.kind }) else { return nil }
        return maker
    }

    func make(
        _ address: String, _ kind: Queue.Kind, isKept: Bool, owner: UserName? = nil,
        _ entries: inout [Address: Entry], _ context: BrokerContext
    ) throws(ConditionError) -> Queue {
        guard entries.count < options.maxQueues else {
            throw ConditionError(
                .resourceLimitExceeded, "The broker has \(entries.count) queues, which is as many as it may.")
        }
        let queue = Queue(settings(of: address, kind, context, owner: owner), kind: kind, context: context)
        entries[Address(address)] = Entry(queue: queue, users: 1, isKept: isKept, owner: owner)
        return queue
    }

    /// Counts another use of a queue that is in use; `release` ends that too.
    func useAgain(_ queue: Queue) {
        entries.withLock { entries in
            let address = Address(queue.address)
            if entries[address]?.queue === queue { entries[address]?.users += 1 }
        }
    }

    /// Ends the use of a queue, which is deleted if it has no other use.
    func release(_ queue: Queue) {
        let isForgotten = entries.withLock { entries in
            let address = Address(queue.address)
            guard let entry = entries[address], entry.queue === queue else { return false }
            guard entry.users <= 1, !entry.isKept, queue.isEmpty else {
                entries[address]?.users -= 1
                return false
            }
            entries[address] = nil
            return true
        }
        if isForgotten { queue.delete() }
    }

    /// Deletes a queue if it is unused.
    func forgetIfUnused(_ queue: Queue) {
        useAgain(queue)
        release(queue)
    }

    /// Deletes a queue with its messages, and closes its links.
    /// - Parameter reason: the condition for their peers.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    @discardableResult
    func delete(_ queue: Queue, _ reason: Condition = Queue.deleted) -> UInt64 {
        entries.withLock { entries in
            guard entries[Address(queue.address)]?.queue === queue else { return }
            entries[Address(queue.address)] = nil
            declarations.withLock { $0[Address(queue.address)] = nil }
        }
        topics.remove(queue)
        return queue.delete(reason)
    }

    /// The status of all queues.
    var status: [QueueStatus] {
        let queues = entries.withLock { $0.values.map(\.queue) }
        return queues.map(\.status).sorted { $0.address < $1.address }
    }

    // MARK: Topics

    /// Whether an address is a topic's: it matches a pattern, or the peer declares it as one, and it is not a declared queue.
    /// - Parameter capabilities: the node capabilities that the peer requests: `queue` or `topic`.
    /// - Throws: if it is not what the peer requests.
    func isTopic(_ address: String, _ capabilities: [Symbol]) throws(ConditionError) -> Bool {
        let isDeclared = declared(address) != nil
        let isTopic = !isDeclared && topicPatterns.contains { $0.matches(address) }
        if capabilities.contains("topic") {
            guard !isDeclared else { throw ConditionError(.notImplemented, "\(address) is a queue, and no topic.") }
            return true
        }
        if isTopic, capabilities.contains("queue") {
            throw ConditionError(.notImplemented, "\(address) is a topic, and no queue.")
        }
        return isTopic
    }

    /// The queue of a subscription, which receives messages from now on.
    /// - Parameters:
    ///   - name: the name of a durable subscription; nil creates one that ends with its link.
    ///   - access: the permissions of the subscriber, which may receive from the topic.
    /// - Returns: the queue, and the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: if the broker has the maximum number of queues, or the subscription belongs to another user.
    func subscribe(
        _ subscription: Subscription, name: SubscriptionName?, by access: PeerAccess, _ context: BrokerContext
    ) throws(ConditionError) -> (Queue, sequence: UInt64) {
        let (queue, replaced) = try entries.withLock { entries throws(ConditionError) -> (Queue, Queue?) in
            var replaced: Queue?
            var owner = access.principal.user
            if let name, let known = entries[Address(name.address)]?.queue {
                guard let old = known.subscription else {
                    throw ConditionError(
                        .notAllowed, "There is a queue by the name of the subscription, \(known.address).")
                }
                try checkOwner(of: known, access, &entries, context)
                if old.isSame(as: subscription) {
                    entries[Address(name.address)]?.users += 1
                    return (known, nil)
                }
                // Another subscription with the same name replaces the old one, as in JMS.
                owner = entries[Address(name.address)]?.owner ?? owner
                if !access.mayCreate(subscription.address) { throw missingSubscription(subscription, access) }
                entries[Address(name.address)] = nil
                replaced = known
            } else if name != nil, !access.mayCreate(subscription.address) {
                throw missingSubscription(subscription, access)
            }
            let address = name?.address ?? AMQPUUID.random().description
            return (
                try make(
                    address, .subscription(subscription), isKept: name != nil, owner: owner, &entries, context),
                replaced
            )
        }
        if let replaced {
            topics.remove(replaced)
            replaced.delete()
        }
        topics.add(queue)
        return (queue, queue.store())
    }

    private func missingSubscription(_ subscription: Subscription, _ access: PeerAccess) -> ConditionError {
        access.error("make a durable subscription to", subscription: subscription.address)
    }

    /// The queue of an existing durable subscription, for a peer that queries or ends it.
    /// - Throws: if there is none that the peer may use.
    func useSubscription(
        _ name: SubscriptionName, by access: PeerAccess, _ context: BrokerContext
    ) throws(ConditionError) -> Queue {
        try entries.withLock { entries throws(ConditionError) in
            // A peer that may not use it only learns that there is none for it.
            let missing = ConditionError(
                .notFound, "The source has no address, and \(name.containerID) has no subscription \(name.linkName).")
            guard let queue = entries[Address(name.address)]?.queue, let subscription = queue.subscription,
                access.mayReceive(from: subscription.address)
            else { throw missing }
            do throws(ConditionError) {
                try checkOwner(of: queue, access, &entries, context)
            } catch {
                throw missing
            }
            entries[Address(name.address)]?.users += 1
            return queue
        }
    }

    /// Checks that a durable subscription belongs to the user of a peer. One without an owner, since it was created without
    /// authentication or by a broker without users, gets the first user that attaches to it as owner.
    /// - Throws: if it belongs to another user, and the peer may not manage it.
    private func checkOwner(
        of queue: Queue, _ access: PeerAccess, _ entries: inout [Address: Entry], _ context: BrokerContext
    ) throws(ConditionError) {
        guard let subscription = queue.subscription, let entry = entries[Address(queue.address)] else { return }
        let user = access.principal.user
        if let owner = entry.owner {
            guard owner == user || access.mayManage(subscription.address) else {
                throw access.error("use the subscription", subscription: queue.address)
            }
        } else if let user {
            entries[Address(queue.address)]?.owner = user
            guard queue.settings.isDurable, let store = context.store else { return }
            // In case its creator has not stored it yet. Its deletion is written later, since it leaves the table first.
            _ = queue.store()
            _ = store.write([
                .makeQueue(
                    StoredQueue(
                        id: queue.settings.storeID, address: queue.address,
                        details: subscription.details(owner: user)))
            ])
        }
    }

    // MARK: The store

    /// Restores the queues of the store, with their messages.
    /// - Throws: if the store cannot be read, or contains data that this broker does not understand.
    func recover(from store: BrokerStore, _ context: BrokerContext) throws {
        var queues: [UInt64: Queue] = [:]
        try store.store.recover { item in
            switch item {
            case .queue(let stored):
                store.noteQueueID(stored.id)
                queues[stored.id] = try restore(stored, context)
            case .message(let message):
                guard QueuedMessage.isPlace(message.place) else {
                    throw ProtonError(
                        .storeFailed,
                        "The store has a message at the place \(message.place), which no broker gives: is it damaged?")
                }
                queues[message.queue]?.restore(message)
            }
        }
        // A broker that crashed may have left queues that it was about to delete.
        for queue in queues.values {
            let isListed = entries.withLock { $0[Address(queue.address)]?.queue === queue }
            if isListed { forgetIfUnused(queue) } else if queue.isEmpty { queue.delete() }
        }
    }

    private func restore(_ stored: StoredQueue, _ context: BrokerContext) throws -> Queue {
        let address = Address(stored.address)
        if self.declared(stored.address) == nil,
            let declaration = QueueDeclaration(stored.address, details: stored.details, options)
        {
            declarations.withLock { $0[address] = Declared(declaration: declaration, isByRequest: true) }
        }
        let declared = self.declared(stored.address)
        var kind = Queue.Kind.named(isExclusive: declared?.declaration.isExclusive ?? false)
        // The current declaration of the options has priority over an earlier one.
        let isDeclaration = (try? AMQPValue(decoding: stored.details))?.mapValue != nil && declared != nil
        if !stored.details.isEmpty, !isDeclaration {
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
        let owner = Subscription.owner(in: stored.details)
        let settings = settings(of: stored.address, kind, context, owner: owner, storeID: stored.id)
        let queue = Queue(settings, kind: kind, context: context, isStored: true)
        let isSubscription = queue.subscription != nil
        entries.withLock { entries in
            let isKept = isSubscription || declared != nil
            entries[address] = Entry(queue: queue, isKept: isKept, owner: owner)
        }
        if isSubscription { topics.add(queue) }
        return queue
    }

    // MARK: Addresses

    /// The maximum length of an address, in bytes of UTF-8.
    private static let maxAddressSize = 1_024

    /// Checks the address of a node.
    static func checked(_ address: String) throws(ConditionError) -> String {
        guard !address.isEmpty else { throw ConditionError(.invalidField, "The address is empty.") }
        guard address.utf8.count <= maxAddressSize else {
            throw ConditionError(.invalidField, "The address is longer than \(maxAddressSize) bytes.")
        }
        return address
    }
}
