// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The destinations of messages of the anonymous relay, and of responses of the management node.
extension AddressTable {
    /// The destination of a message of the anonymous relay.
    enum Destination {
        case queue(Queue)
        case topic(String)
        /// The management node.
        case management
    }

    /// Calls a closure with the destination of a message of the anonymous relay.
    /// - Throws: if the message has no address, or there is no such node; the errors of `body`.
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
        // JMS marks a topic with the destination type 1 (AMQP JMS mapping, 3.2.4.2).
        return try destination(
            address, isTopic: message.annotations["x-opt-jms-dest"]?.intValue == 1, access, context)
    }

    /// The destination of a message with an address. A queue is in use until it is released.
    /// - Parameter isTopic: whether the message declares the address as a topic's.
    func destination(
        _ address: String, isTopic: Bool = false, _ access: PeerAccess, _ context: BrokerContext
    ) throws(ConditionError) -> Destination {
        try access.requireRelaying(to: address)
        if try self.isTopic(address, isTopic ? ["topic"] : []) { return .topic(try AddressTable.checked(address)) }
        // A message for a deleted dynamic node would otherwise create a queue that no peer knows.
        if AMQPUUID(address) != nil, entries.withLock({ $0[Address(address)] == nil }) {
            throw ConditionError(.notFound, "There is no node \(address).")
        }
        return .queue(try use(try AddressTable.checked(address), by: access, context))
    }
}
