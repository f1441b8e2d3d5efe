import Proton

/// The nodes of a broker by their addresses.
final class NodeTable {
    private let options: BrokerOptions
    private let storage: Storage
    private var nodes: [String: Node] = [:]

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
