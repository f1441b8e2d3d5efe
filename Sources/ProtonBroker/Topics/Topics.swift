import Proton
import Synchronization

/// The subscriptions to a broker's topics; each of its threads may use it.
final class Topics: Sendable {
    private let subscriptions = Mutex<[ObjectIdentifier: Node]>([:])
    /// Rises with every change, so that publishers need not look each time.
    private let version = Atomic<UInt64>(1)

    func add(_ node: Node) {
        subscriptions.withLock { $0[ObjectIdentifier(node)] = node }
        version.wrappingAdd(1, ordering: .releasing)
    }

    func remove(_ node: Node) {
        subscriptions.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(node)) }
        version.wrappingAdd(1, ordering: .releasing)
    }

    var currentVersion: UInt64 { version.load(ordering: .acquiring) }

    /// The subscriptions that get a topic's messages.
    func subscriptions(to address: String) -> [Node] {
        subscriptions.withLock { all in all.values.filter { $0.subscription?.covers(address) ?? false } }
    }
}

/// A topic as one publisher sees it: where its messages go. It belongs to the publisher's thread.
final class Topic {
    let address: String
    private let topics: Topics
    private var known: (version: UInt64, nodes: [Node]) = (0, [])

    init(_ address: String, _ topics: Topics) {
        self.address = address
        self.topics = topics
    }

    /// The subscriptions that want a message.
    func subscriptions(wanting bytes: [UInt8]) -> [Node] {
        let version = topics.currentVersion
        if known.version != version { known = (version, topics.subscriptions(to: address)) }
        return known.nodes.filter { $0.subscription?.wants(bytes) ?? false }
    }

    /// Puts a message into each subscription that wants it, or into none.
    /// - Returns: as `Node.put` does.
    /// - Throws: where one that may not lose any is too full to take it.
    func publish(_ bytes: [UInt8]) throws(Refusal) -> StoreTicket {
        var taken: [Node] = []
        for node in subscriptions(wanting: bytes) {
            do throws(Refusal) {
                try node.reserve(bytes)
                taken.append(node)
            } catch {
                // One that is just gone wants nothing any more.
                if error.condition.name == .notFound { continue }
                for node in taken { node.unreserve(bytes) }
                throw error
            }
        }
        return taken.reduce(StoreTicket()) { max($0, $1.putReserved(bytes)) }
    }
}

extension Node {
    /// What the node is subscribed to; nil of one that is no subscription.
    var subscription: Subscription? {
        if case .subscription(let subscription) = kind { subscription } else { nil }
    }
}
