import Logging
import Proton
import Synchronization

/// The nodes of a broker by their addresses.
///
/// A node is there as long as somebody uses it or it holds messages. Each of the broker's threads may call this.
final class NodeTable: Sendable {
    private let options: BrokerOptions
    private let budget: Budget
    private let entries = Mutex<[String: Entry]>([:])
    private let logger = Logger(label: "proton.broker")

    private struct Entry {
        let node: Node
        /// How many links, and others for a moment, use the node: it is not forgotten meanwhile.
        var users = 0
    }

    init(_ options: BrokerOptions) {
        self.options = options
        budget = Budget(limit: options.maxBytes)
    }

    // MARK: Using nodes

    /// The node with an address, made where there is none; `release` ends its use.
    /// - Throws: where the broker has as many nodes as it may.
    func use(_ address: String) throws(Refusal) -> Node {
        try entries.withLock { entries throws(Refusal) in
            if let node = entries[address]?.node {
                entries[address]?.users += 1
                return node
            }
            guard entries.count < options.maxQueues else {
                throw Refusal(
                    .resourceLimitExceeded, "The broker has \(entries.count) queues, which is as many as it may.")
            }
            let node = Node(address: address, limits: options.queueLimits, budget: budget)
            entries[address] = Entry(node: node, users: 1)
            return node
        }
    }

    /// A new node with an address that nobody knows yet; `delete` ends it.
    /// - Throws: where the broker has as many nodes as it may.
    func makeDynamicNode() throws(Refusal) -> Node {
        try use(AMQPUUID.random().description)
    }

    /// Uses a node once more that is in use already; `release` ends that as well.
    func useAgain(_ node: Node) {
        entries.withLock { entries in
            if entries[node.address]?.node === node { entries[node.address]?.users += 1 }
        }
    }

    /// Ends the use of a node, which is forgotten where nobody else needs it.
    func release(_ node: Node) {
        entries.withLock { entries in
            guard let entry = entries[node.address], entry.node === node else { return }
            if entry.users <= 1, node.isEmpty {
                entries[node.address] = nil
            } else {
                entries[node.address]?.users -= 1
            }
        }
    }

    /// Forgets a node, whatever it holds, and closes its links.
    func delete(_ node: Node) {
        entries.withLock { entries in
            if entries[node.address]?.node === node { entries[node.address] = nil }
        }
        node.delete()
    }

    // MARK: Messages without a link to their node

    /// Does something with the node that a message of the anonymous relay goes to.
    /// - Throws: where the message does not say, or there is none; what `body` throws.
    func withDestination(of bytes: [UInt8], _ body: (Node) throws(Refusal) -> Void) throws(Refusal) {
        let address: String?
        do throws(CodecError) {
            address = try Message(decoding: bytes).address
        } catch {
            throw Refusal(.decodeError, error.description)
        }
        guard let address else {
            throw Refusal(.preconditionFailed, "The link has no address: each of its messages has to say where to.")
        }
        // A message for a dynamic node that is gone would make a queue that nobody knows of.
        if AMQPUUID(address) != nil, entries.withLock({ $0[address] == nil }) {
            throw Refusal(.notFound, "There is no node \(address).")
        }
        let node = try use(try NodeTable.checked(address))
        defer { release(node) }
        try body(node)
    }

    /// Takes what a consumer has rejected, where there is a queue for that.
    func takeRejected(_ bytes: [UInt8], from node: Node) {
        guard let address = options.deadLetterAddress, address != node.address else { return }
        do throws(Refusal) {
            let queue = try use(address)
            defer { release(queue) }
            try queue.put(bytes)
        } catch {
            logger.warning("dropped a rejected message: \(error.condition.description ?? error.condition.name.name)")
        }
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
