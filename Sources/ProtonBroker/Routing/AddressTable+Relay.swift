// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// Where the messages of the anonymous relay go, and responses of the management node.
extension AddressTable {
    /// Where the messages of the anonymous relay go that have an address.
    enum Destination {
        case queue(Queue)
        case topic(String)
        /// The management node.
        case management
    }

    /// Does something with the destination of a message of the anonymous relay.
    /// - Throws: where the message does not say, or there is none; what `body` throws.
    func withDestination<Result>(
        of bytes: [UInt8], by access: PeerAccess, _ context: BrokerContext,
        _ body: (Destination) throws(MessageError) -> Result
    ) throws(MessageError) -> Result {
        let destination: Destination
        do throws(ConditionError) {
            destination = try self.destination(of: bytes, access, context)
        } catch {
            throw MessageError(error.condition, isCreditUsed: false)
        }
        defer { if case .queue(let queue) = destination { release(queue) } }
        do throws(MessageError) {
            return try body(destination)
        } catch {
            throw MessageError(error.condition, isCreditUsed: false)
        }
    }

    private func destination(
        of bytes: [UInt8], _ access: PeerAccess, _ context: BrokerContext
    ) throws(ConditionError) -> Destination {
        let message: Message
        do throws(CodecError) {
            message = try Message(decoding: bytes)
        } catch {
            throw ConditionError(.decodeError, error.description)
        }
        guard let address = message.address else {
            throw ConditionError(
                .preconditionFailed, "The link has no address: each of its messages has to say where to.")
        }
        if ManagementNode.isAddress(address) {
            try access.requireManaging()
            return .management
        }
        // JMS says so of a topic: its kind of destination is 1 (AMQP JMS mapping, 3.2.4.2).
        return try destination(
            address, isTopic: message.annotations["x-opt-jms-dest"]?.intValue == 1, access, context)
    }

    /// What a message to an address comes to. A queue is used until it is released.
    /// - Parameter isTopic: whether the message says that the address is a topic's.
    func destination(
        _ address: String, isTopic: Bool = false, _ access: PeerAccess, _ context: BrokerContext
    ) throws(ConditionError) -> Destination {
        try access.requireRelaying(to: address)
        if try self.isTopic(address, isTopic ? ["topic"] : []) { return .topic(try AddressTable.checked(address)) }
        // A message for a dynamic node that is gone would make a queue that nobody knows of.
        if AMQPUUID(address) != nil, entries.withLock({ $0[Address(address)] == nil }) {
            throw ConditionError(.notFound, "There is no node \(address).")
        }
        return .queue(try use(try AddressTable.checked(address), by: access, context))
    }
}
