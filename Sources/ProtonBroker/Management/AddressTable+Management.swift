// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The operations of the management node on queues and subscriptions.
extension AddressTable {
    // MARK: Reading

    /// The queues, or the subscriptions, in the order of their addresses.
    func managed(_ type: ManagedType) -> [ManagedQueue] {
        entries.withLock { Array($0.values) }.filter { $0.type == type }.map(managed)
            .sorted { $0.status.address < $1.status.address }
    }

    /// The queue, or the subscription, with an address; nil if there is none of this type.
    func managed(_ address: String, _ type: ManagedType) -> ManagedQueue? { entry(address, type).map(managed) }

    private func entry(_ address: String, _ type: ManagedType) -> Entry? {
        entries.withLock { $0[Address(address)] }.flatMap { $0.type == type ? $0 : nil }
    }

    private func managed(_ entry: Entry) -> ManagedQueue {
        ManagedQueue(
            status: entry.queue.status, kind: entry.queue.kind, settings: entry.queue.currentSettings,
            isKept: entry.isKept, owner: entry.owner)
    }

    // MARK: Changing

    /// Declares a queue.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: if its address is in use, or the broker has the maximum number of queues.
    func create(_ declaration: QueueDeclaration, _ context: BrokerContext) throws(ManagementError) -> UInt64 {
        let address = Address(declaration.address)
        do throws(ConditionError) {
            let queue = try entries.withLock { entries throws(ConditionError) -> Queue in
                guard entries[address] == nil else {
                    throw ConditionError(.notAllowed, "There is a node \(address.text) already.")
                }
                declarations.withLock { $0[address] = Declared(declaration: declaration, isByRequest: true) }
                do throws(ConditionError) {
                    let kind = Queue.Kind.named(isExclusive: declaration.isExclusive)
                    return try make(address.text, kind, isKept: true, &entries, context)
                } catch {
                    declarations.withLock { $0[address] = nil }
                    throw error
                }
            }
            let sequence = queue.store()
            release(queue)
            context.changes.note()
            return sequence
        } catch {
            throw ManagementError(error)
        }
    }

    /// Changes attributes of a queue.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: if there is no such queue, or an attribute cannot be changed or has an invalid value.
    func update(_ address: String, _ attributes: AMQPMap) throws(ManagementError) -> UInt64 {
        guard let entry = entry(address, .queue) else { throw .missing(address) }
        // The address for dead letters as it was declared: a `*` in it stands for the queue's.
        var declaration = declared(address)?.declaration ?? managed(entry).declaration
        try declaration.change(attributes, options)
        var settings = entry.queue.currentSettings
        settings.limits = declaration.limits ?? settings.limits
        settings.redelivery = declaration.redelivery ?? settings.redelivery
        if attributes[.string(QueueAttribute.deadLetterAddress.rawValue)] != nil {
            settings.deadLetterAddress = (declaration.deadLetterAddress ?? options.deadLetterAddress)
                .flatMap { DeadLetterAddress($0).address(for: address) }
        }
        let isByRequest = declarations.withLock { declarations in
            let isByRequest = declarations[Address(address)]?.isByRequest ?? false
            declarations[Address(address)]?.declaration = declaration
            return isByRequest
        }
        return entry.queue.update(settings, details: isByRequest ? declaration.details : nil)
    }

    /// Removes the messages of a queue, or of a subscription, that are not delivered to a consumer.
    /// - Returns: the number of messages, and the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: if there is no such node.
    func purge(_ target: ManagementRequest.Target) throws(ManagementError) -> (count: Int, sequence: UInt64) {
        guard let queue = entry(target.name, target.type)?.queue else { throw .missing(target.name) }
        let (count, sequence) = queue.purge()
        forgetIfUnused(queue)
        return (count, sequence)
    }

    /// Deletes a queue, or a subscription, with its messages, and closes its links.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: if there is no such node.
    func delete(_ target: ManagementRequest.Target) throws(ManagementError) -> UInt64 {
        guard let queue = entry(target.name, target.type)?.queue else { throw .missing(target.name) }
        return delete(queue, Condition(.resourceDeleted, "The node was deleted by a request to the broker."))
    }
}

extension AddressTable.Entry {
    fileprivate var type: ManagedType { queue.subscription == nil ? .queue : .subscription }
}

extension ManagementError {
    /// The error for a name that does not exist.
    static func missing(_ name: String) -> ManagementError {
        ManagementError(.notFound, "There is no \(name.escapedForLog(upTo: 200)) of this type.")
    }
}
