// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton

/// The broker's management node for one connection: executes requests, and sends responses (AMQP Management 1.0 working draft).
///
/// `ManagementRequest` decodes a request, `ManagementRights` checks the peer's permissions, and this class executes it.
///
/// `@unchecked Sendable`: it is used in its connection's domain only, where the store's callbacks continue.
final class ManagementNode: @unchecked Sendable {
    /// The address of the node.
    static let address = "$management"

    static func isAddress(_ address: String?) -> Bool { address.map { Address($0) } == Address(ManagementNode.address) }

    private unowned let connection: Connection
    private let access: PeerAccess
    private let context: BrokerContext
    /// The peer's receiving links from the node, with the queues of their responses.
    private var responseLinks: [(target: String?, queue: Queue)] = []

    init(_ connection: Connection, _ access: PeerAccess, _ context: BrokerContext) {
        (self.connection, self.access, self.context) = (connection, access, context)
    }

    /// Adds a link on which the peer receives from the node.
    /// - Parameter target: the target address of the link, which requests use as their reply address.
    func addResponses(to target: String?, through queue: Queue) {
        responseLinks.removeAll { $0.queue.isDeleted }
        responseLinks.append((target, queue))
    }

    // MARK: Requests

    /// Executes a request; its response is sent at once, or when the store has written its changes.
    /// - Parameter done: called when the response is sent.
    /// - Throws: if no response can be sent: then the request is not executed.
    func receive(_ bytes: [UInt8], done: @escaping () -> Void) throws(ConditionError) {
        let message: Message
        do throws(CodecError) {
            message = try Message(decoding: bytes)
        } catch {
            throw ConditionError(.decodeError, error.description)
        }
        let (queue, topic) = try destination(of: message)
        let (response, sequence) = answer(message, responsesThrough: queue)
        guard sequence > 0, let store = context.store else {
            send(response, to: message, queue, topic)
            return done()
        }
        let executor = connection.workQueue
        // It runs in the connection's domain.
        nonisolated(unsafe) let done = done
        store.whenWritten(sequence) {
            executor.add { [self] _ in
                send(response, to: message, queue, topic)
                done()
            }
        }
    }

    /// The destination of a response: a queue, which is in use until the response is sent, or a topic.
    private func destination(of request: Message) throws(ConditionError) -> (Queue?, topic: String?) {
        responseLinks.removeAll { $0.queue.isDeleted }
        let replyTo = request.replyTo
        let link =
            responseLinks.first { $0.target.map { Address($0) } == replyTo.map { Address($0) } }
            ?? (replyTo == nil || ManagementNode.isAddress(replyTo) ? responseLinks.first : nil)
        if let queue = link?.queue {
            context.table.useAgain(queue)
            return (queue, nil)
        }
        guard let replyTo, !ManagementNode.isAddress(replyTo) else {
            throw ConditionError(
                .preconditionFailed,
                "There is nowhere to send a response to: set reply-to, or attach a link from \(ManagementNode.address)."
            )
        }
        switch try context.table.destination(replyTo, access, context) {
        case .queue(let queue): return (queue, nil)
        case .topic(let address): return (nil, address)
        case .management: return (nil, nil)
        }
    }

    private func send(_ response: ManagementResponse, to request: Message, _ queue: Queue?, _ topic: String?) {
        defer { if let queue { context.table.release(queue) } }
        // Decoded parts of a message, numbers and short strings can always be encoded.
        guard let bytes = try? response.message(to: request).encoded() else { return }
        do throws(MessageError) {
            if let queue { _ = try queue.receive(bytes) }
            if let topic { _ = try Topic(topic, context.table.topics).publish(bytes) }
        } catch {
            context.limitLog.note(.message, error.reason, address: queue?.address ?? topic)
        }
    }

    /// The maximum size of a response.
    ///
    /// It is limited by the maximum message size of this connection's links that receive responses.
    private func responseLimit(through queue: Queue?) -> Int {
        let limits = connection.links.compactMap { link -> Int? in
            guard let consumer = link.eventHandler as? ConsumerLink, consumer.queue === queue,
                let limit = link.remoteMaxMessageSize, limit > 0
            else { return nil }
            return limit
        }
        let own = min(context.options.connection.limits.maxMessageSize, ManagementNode.maxResponseSize)
        return min(own, limits.min() ?? own)
    }

    /// The maximum size of a response, in bytes: for more, the peer sends several requests.
    private static let maxResponseSize = 1_024 * 1_024

    // MARK: Answers

    /// Executes a request.
    /// - Returns: the response, and the sequence number of the group that the store has to write first; 0 for none.
    private func answer(_ message: Message, responsesThrough queue: Queue?) -> (ManagementResponse, sequence: UInt64) {
        do throws(ManagementError) {
            let (rights, table) = (access.managementRights, context.table)
            switch try ManagementRequest(message, context.options) {
            case .describe(let response): return (response, 0)
            case .read(let target): return (ManagementResponse(.ok, .map(try find(target, rights).map)), 0)
            case .query(let query):
                let found = query.types.flatMap(entities).filter(rights.cover)
                return (query.response(found, limit: responseLimit(through: queue)), 0)
            case .create(let declaration):
                try rights.requireCovered(declaration.address)
                try requireStore()
                let sequence = try table.create(declaration, context)
                note("declared", declaration.address)
                let made = try find(.init(type: .queue, name: declaration.address), .all)
                return (ManagementResponse(.created, .map(made.map)), sequence)
            case .update(let address, let attributes):
                try rights.requireCovered(address)
                try requireStore()
                let sequence = try table.update(address, attributes)
                note("changed", address)
                let changed = try find(.init(type: .queue, name: address), .all)
                return (ManagementResponse(.ok, .map(changed.map)), sequence)
            case .delete(let target):
                _ = try find(target, rights)
                let sequence = try table.delete(target)
                note("deleted", target.name)
                return (ManagementResponse(.noContent), sequence)
            case .purge(let target):
                _ = try find(target, rights)
                let (count, sequence) = try table.purge(target)
                note("purged", target.name)
                return (ManagementResponse(.ok, .map(["messages": .ulong(UInt64(max(0, count)))])), sequence)
            }
        } catch {
            return (ManagementResponse(error), 0)
        }
    }

    /// - Throws: if the store, which contains the declarations, cannot be written.
    private func requireStore() throws(ManagementError) {
        guard let failure = context.store?.failure else { return }
        throw ManagementError(.unavailable, "The broker cannot write to its store: \(failure)")
    }

    private func note(_ what: String, _ address: String) {
        context.logger.info(
            "\(what) a node by a request to \(ManagementNode.address)",
            metadata: [
                "address": "\(address.escapedForLog)", "user": "\(access.principal.name.escapedForLog)",
                "peer": "\(connection.transport?.remoteAddress ?? "unknown")",
            ])
    }

    // MARK: Entities

    /// The entity of a request.
    /// - Throws: if it does not exist, or the peer may not manage it.
    private func find(
        _ target: ManagementRequest.Target, _ rights: ManagementRights
    ) throws(ManagementError) -> ManagedEntity {
        try rights.require(target)
        let entity: ManagedEntity? =
            switch target.type {
            case .queue, .subscription: context.table.managed(target.name, target.type).map { .queue($0) }
            case .node, .broker, .connection, .link:
                entities(target.type).first { Address($0.name) == Address(target.name) }
            }
        guard let entity, rights.cover(entity) else { throw .missing(target.name) }
        return entity
    }

    /// All entities of a type, in a stable order.
    private func entities(_ type: ManagedType) -> [ManagedEntity] {
        switch type {
        case .node: [.node]
        case .broker: [.broker(ManagedBroker(context.status, context.options))]
        case .queue, .subscription: context.table.managed(type).map { .queue($0) }
        case .connection: context.connections.managed.map { .connection($0) }
        case .link: context.connections.links.map { .link($0) }
        }
    }
}
