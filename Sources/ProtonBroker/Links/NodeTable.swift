import Logging
import Proton

/// The nodes of a broker by their addresses.
final class NodeTable {
    private let options: BrokerOptions
    private let storage: Storage
    private var nodes: [String: Node] = [:]
    private let logger = Logger(label: "proton.broker")

    init(_ options: BrokerOptions) {
        self.options = options
        storage = Storage(limit: options.maxBytes)
    }

    /// The node with an address, made where there is none.
    /// - Throws: where the broker has as many nodes as it may.
    func node(at address: String) throws(Refusal) -> Node {
        if let node = nodes[address] { return node }
        return try makeNode(address)
    }

    /// A new node with an address that nobody knows yet.
    /// - Throws: where the broker has as many nodes as it may.
    func makeDynamicNode() throws(Refusal) -> Node {
        try makeNode(AMQPUUID.random().description)
    }

    /// The node that a message of the anonymous relay goes to.
    /// - Throws: where it does not say, or there is none.
    func destination(of bytes: [UInt8]) throws(Refusal) -> Node {
        let address: String?
        do throws(CodecError) {
            address = try Message(decoding: bytes).address
        } catch {
            throw Refusal(.decodeError, error.description)
        }
        guard let address else {
            throw Refusal(.preconditionFailed, "The link has no address: each of its messages has to say where to.")
        }
        if let node = nodes[address] { return node }
        // A message for a dynamic node that is gone would make a queue that nobody knows of.
        guard AMQPUUID(address) == nil else { throw Refusal(.notFound, "There is no node \(address).") }
        return try makeNode(try NodeTable.checked(address))
    }

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

    /// Takes what a consumer has rejected, where there is a queue for that.
    func takeRejected(_ bytes: [UInt8], from node: Node) {
        guard let address = options.deadLetterAddress, address != node.address else { return }
        do throws(Refusal) {
            try self.node(at: address).put(bytes)
        } catch {
            logger.warning("dropped a rejected message: \(error.condition.description ?? error.condition.name.name)")
        }
    }

    private func makeNode(_ address: String) throws(Refusal) -> Node {
        guard nodes.count < options.maxQueues else {
            throw Refusal(.resourceLimitExceeded, "The broker has \(nodes.count) queues, which is as many as it may.")
        }
        let node = Node(address: address, limits: options.queueLimits, storage: storage)
        nodes[address] = node
        return node
    }

    /// Forgets a node that nobody needs any more.
    func removeIfUnused(_ node: Node) {
        if node.isUnused { remove(node) }
    }

    /// Forgets a node, whatever it holds.
    func remove(_ node: Node) {
        if nodes[node.address] === node { nodes[node.address] = nil }
    }
}
