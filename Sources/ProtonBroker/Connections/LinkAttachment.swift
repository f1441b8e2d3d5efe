// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Attaches a peer's link to the requested node, and answers which of the requested fields are supported (AMQP 1.0, 2.6.3, 3.5).
struct LinkAttachment {
    let context: BrokerContext
    let access: PeerAccess
    let transactions: TransactionTable
    let management: ManagementNode

    /// The node that a peer requests.
    private enum Request {
        /// A node that is created for the link.
        case dynamicNode
        /// The node with an address.
        case node(String)
        /// A target without an address: each message has its own address.
        case relay
        /// The coordinator of transactions.
        case coordinator
        /// The management node.
        case management
        /// The subscription with the link's name, for a null source.
        case knownSubscription
    }

    private func request(_ terminus: Terminus, isSource: Bool) throws(ConditionError) -> Request {
        switch terminus.kind {
        case .coordinator: return .coordinator
        case .unspecified:
            if isSource { return .knownSubscription }
            throw ConditionError(.invalidField, "Attach to an address: the target is null.")
        case .source, .target: break
        }
        if terminus.isDynamic { return .dynamicNode }
        guard let address = terminus.address else {
            if !isSource { return .relay }
            throw ConditionError(.invalidField, "Attach to an address: the source has none.")
        }
        return ManagementNode.isAddress(address) ? .management : .node(try AddressTable.checked(address))
    }

    // MARK: Consumers

    func attach(_ sender: Sender) throws(ConditionError) {
        let source = sender.remoteSource
        let filter = try SourceFilter.find(of: source)
        let isBrowser = source.distributionMode == .copy
        let (queue, lifetime, sequence) = try queue(for: sender, filter)
        let link = ConsumerLink(
            sender, of: queue, lifetime, isBrowser: isBrowser, transactions: transactions, context: context)
        do throws(ConditionError) {
            link.attach(
                as: try queue.add(
                    link, selection: selection(for: sender, filter, isBrowser, queue),
                    maxUnsettled: context.options.maxUnsettled))
        } catch {
            leave(queue, lifetime)
            throw error
        }
        answer(sender, queue, lifetime, filter)
        if ManagementNode.isAddress(source.address), !source.isDynamic {
            sender.source.address = source.address
            management.addResponses(to: sender.remoteTarget.address, through: queue)
        }
        sender.eventHandler = link
        whenWritten(sequence, sender) {
            // It may have ended meanwhile.
            guard sender.eventHandler === link else { return }
            sender.open()
            link.begin()
        }
    }

    /// Which messages of the queue the consumer takes; nil if it takes all.
    private func selection(
        for sender: Sender, _ filter: SourceFilter?, _ isBrowser: Bool, _ queue: Queue
    ) -> Selection? {
        // A subscription contains only messages that its selector matches.
        let selector = queue.subscription == nil ? filter?.selector : nil
        let limit = sender.remoteMaxMessageSize.flatMap { $0 > 0 ? Int(clamping: $0) : nil } ?? .max
        let isLimited = limit < context.options.connection.limits.maxMessageSize
        guard selector != nil || isBrowser || isLimited else { return nil }
        return Selection(selector: selector, maxMessageSize: limit, isBrowser: isBrowser)
    }

    /// Sets the answer's source to the supported fields of the peer's source (AMQP 1.0, 3.5.3).
    private func answer(_ sender: Sender, _ queue: Queue, _ lifetime: QueueLifetime, _ filter: SourceFilter?) {
        let source = sender.remoteSource
        sender.source.address = queue.subscription?.address ?? queue.address
        sender.source.isDynamic = source.isDynamic
        sender.source.filter = filter?.echo ?? [:]
        sender.source.distributionMode = source.distributionMode
        sender.source.capabilities = source.capabilities.filter(isHonoured)
        if lifetime == .subscription {
            sender.source.durability = source.durability == .none ? .unsettledState : source.durability
            sender.source.expiryPolicy = .never
        }
        sender.target.copy(sender.remoteTarget)
        sender.senderSettleMode = sender.remoteSenderSettleMode == .settled ? .settled : .unsettled
        sender.receiverSettleMode = sender.remoteReceiverSettleMode
    }

    private func isHonoured(_ capability: Symbol) -> Bool {
        ["queue", "topic", "temporary-queue"].contains(capability)
    }

    /// The queue of a consumer, its lifetime, and the sequence number of the group that the store has to write for it; 0 for
    /// none.
    private func queue(
        for sender: Sender, _ filter: SourceFilter?
    ) throws(ConditionError) -> (Queue, QueueLifetime, sequence: UInt64) {
        let source = sender.remoteSource
        let capabilities = source.capabilities
        try refuseUnsupported(capabilities)
        let container = sender.connection.remoteContainerID ?? ""
        switch try request(source, isSource: true) {
        case .dynamicNode: return (try makeDynamicQueue(), .link, 0)
        case .management:
            try access.requireManaging()
            return (try context.table.makeDynamicQueue(for: access.connection, context), .link, 0)
        case .relay, .coordinator:
            throw ConditionError(.invalidField, "A source cannot be that: attach to an address.")
        case .knownSubscription:
            let name = SubscriptionName(containerID: container, linkName: sender.name)
            return (try context.table.useSubscription(name, by: access, context), .subscription, 0)
        case .node(let address):
            // Before any lookup: a peer that may not receive from an address must learn nothing about it.
            try access.requireReceiving(from: address)
            guard try context.table.isTopic(address, capabilities) else {
                return (try context.table.use(address, by: access, context), .users, 0)
            }
            let isDurable = source.durability != .none || source.expiryPolicy == .never
            let subscription = Subscription(to: address, filter, isDurable: isDurable)
            guard isDurable else {
                let (queue, _) = try context.table.subscribe(subscription, name: nil, by: access, context)
                return (queue, .link, 0)
            }
            let name = SubscriptionName(containerID: container, linkName: sender.name)
            _ = try AddressTable.checked(name.address)
            let (queue, sequence) = try context.table.subscribe(subscription, name: name, by: access, context)
            // An existing one may not be on disk yet. Mostly it is, and it is served even if the disk fails.
            guard sequence == 0, let store = context.store, !store.isFailing else {
                return (queue, .subscription, sequence)
            }
            return (queue, .subscription, store.lastSequence)
        }
    }

    /// Refuses requests that the broker would serve differently than the peer expects.
    private func refuseUnsupported(_ capabilities: [Symbol]) throws(ConditionError) {
        if capabilities.contains("shared") {
            throw ConditionError(
                .notImplemented, "There are no shared subscriptions: attach to a queue, which consumers share.")
        }
        if capabilities.contains("temporary-topic") {
            throw ConditionError(.notImplemented, "There are no temporary topics: use a topic with a name of its own.")
        }
    }

    // MARK: Producers

    func attach(_ receiver: Receiver) throws(ConditionError) {
        let target = receiver.remoteTarget
        try refuseUnsupported(target.capabilities)
        let destination: ProducerLink.Destination
        switch try request(target, isSource: false) {
        case .dynamicNode: destination = .queue(try makeDynamicQueue(), .link)
        case .node(let address):
            try access.requireSending(to: address)
            if try context.table.isTopic(address, target.capabilities) {
                destination = .topic(Topic(address, context.table.topics))
            } else {
                destination = .queue(try context.table.use(address, by: access, context), .users)
            }
        case .management:
            try access.requireManaging()
            return attachManagement(receiver)
        case .relay:
            try access.requireAnything()
            destination = .relay
        case .coordinator:
            try access.requireAnything()
            return attachCoordinator(receiver)
        case .knownSubscription: throw ConditionError(.invalidField, "Attach to an address: the target is null.")
        }
        let link = ProducerLink(
            receiver, to: destination, access: access, transactions: transactions, management: management,
            context: context)
        if case .queue(let queue, let lifetime) = destination {
            do throws(ConditionError) {
                link.attach(as: try queue.add(link, maxWindow: context.options.creditWindow))
            } catch {
                leave(queue, lifetime)
                throw error
            }
        }
        receiver.target.address = destination.address
        receiver.target.isDynamic = target.isDynamic
        receiver.target.capabilities = target.capabilities.filter(isHonoured)
        receiver.source.copy(receiver.remoteSource)
        receiver.senderSettleMode = receiver.remoteSenderSettleMode
        receiver.receiverSettleMode = receiver.remoteReceiverSettleMode
        receiver.maxMessageSize = context.options.connection.limits.maxMessageSize
        receiver.eventHandler = link
        receiver.open()
        link.begin()
    }

    private func attachCoordinator(_ receiver: Receiver) {
        receiver.target.copy(receiver.remoteTarget)
        receiver.target.capabilities = CoordinatorLink.capabilities
        receiver.source.copy(receiver.remoteSource)
        let link = CoordinatorLink(receiver, transactions, context)
        receiver.eventHandler = link
        receiver.open()
        link.topUp()
    }

    private func attachManagement(_ receiver: Receiver) {
        receiver.target.address = receiver.remoteTarget.address
        receiver.source.copy(receiver.remoteSource)
        receiver.senderSettleMode = receiver.remoteSenderSettleMode
        receiver.receiverSettleMode = receiver.remoteReceiverSettleMode
        receiver.maxMessageSize = min(
            context.options.connection.limits.maxMessageSize, ManagementLink.maxRequestSize)
        let link = ManagementLink(receiver, management)
        receiver.eventHandler = link
        receiver.open()
        link.topUp()
    }

    // MARK: Helpers

    private func makeDynamicQueue() throws(ConditionError) -> Queue {
        try access.requireAnything()
        return try context.table.makeDynamicQueue(for: access.connection, context)
    }

    private func leave(_ queue: Queue, _ lifetime: QueueLifetime) {
        if lifetime == .link { context.table.delete(queue) } else { context.table.release(queue) }
    }

    /// Answers when a group is on disk.
    private func whenWritten(_ sequence: UInt64, _ link: Link, _ answer: @escaping () -> Void) {
        guard sequence > 0, let store = context.store else { return answer() }
        let executor = link.connection.workQueue
        // It runs in the link's domain.
        nonisolated(unsafe) let answer = answer
        store.whenWritten(sequence) { executor.add { _ in answer() } }
    }
}
