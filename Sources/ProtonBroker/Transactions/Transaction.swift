import Proton

/// What a transaction does when it commits: messages to put into queues, and outcomes of messages that consumers had.
///
/// Until then the messages are in no queue, but have their room there; what consumers had is theirs.
final class Transaction {
    /// What the peer calls it.
    let id: [UInt8]
    /// The link that began it, and ends it.
    let controller: CoordinatorLink
    private let maxMessages: Int
    private let nodes: NodeTable
    /// The nodes that it has to do with, each in use once.
    private var used: [ObjectIdentifier: Node] = [:]
    private var posts: [Post] = []
    private var retirements: [Retirement] = []
    /// Why it can only be rolled back; nil as long as it can be committed.
    private var failure: Refusal?

    private struct Post {
        let node: Node
        let bytes: [UInt8]
    }

    private struct Retirement {
        let link: OutgoingLink
        let message: QueuedMessage
        let outcome: Outcome
        /// Where the peer leaves it to the broker to settle.
        let delivery: Delivery?
    }

    init(id: [UInt8], controller: CoordinatorLink, maxMessages: Int, nodes: NodeTable) {
        self.id = id
        self.controller = controller
        self.maxMessages = maxMessages
        self.nodes = nodes
    }

    // MARK: What happens within

    /// A message came, to be put into a queue. Where there is no room for it, the transaction cannot be committed.
    func post(_ bytes: [UInt8], to node: Node) {
        guard hasRoom() else { return }
        do throws(Refusal) {
            try node.reserve(bytes)
            use(node)
            posts.append(Post(node: node, bytes: bytes))
        } catch {
            // A subscription that is just gone wants nothing any more.
            if node.subscription != nil, error.condition.name == .notFound { return }
            failure = error
        }
    }

    /// A message of it was refused: what is left of it alone is not what its controller wants.
    func fail(_ refusal: Refusal) {
        failure = failure ?? refusal
    }

    /// A consumer's message has an outcome (AMQP 1.0, 4.4.2).
    func retire(_ message: QueuedMessage, of link: OutgoingLink, _ outcome: Outcome, unsettled delivery: Delivery?) {
        guard hasRoom() else {
            delivery?.settle(.modified(deliveryFailed: true))
            link.giveBack(message)
            return
        }
        use(link.node)
        retirements.append(Retirement(link: link, message: message, outcome: outcome, delivery: delivery))
    }

    private func use(_ node: Node) {
        guard used.updateValue(node, forKey: ObjectIdentifier(node)) == nil else { return }
        nodes.useAgain(node)
    }

    private func hasRoom() -> Bool {
        if failure == nil, posts.count + retirements.count >= maxMessages {
            failure = Refusal(.resourceLimitExceeded, "It has more than \(maxMessages) messages.")
        }
        return failure == nil
    }

    // MARK: The end

    /// Does all of it.
    /// - Returns: the number of the last change that the store has to write for that.
    /// - Throws: where it cannot be done, and was rolled back instead.
    func commit() throws(Refusal) -> StoreTicket {
        if let failure {
            rollBack()
            throw Refusal(
                "amqp:transaction:rollback",
                "The transaction is rolled back: \(failure.condition.description ?? failure.condition.name.name)")
        }
        var ticket = StoreTicket()
        nodes.atomically {
            for post in posts { ticket = max(ticket, post.node.putReserved(post.bytes)) }
            for retirement in retirements {
                retirement.delivery?.settle()
                ticket = max(ticket, retirement.link.dispose(of: retirement.message, retirement.outcome))
            }
        }
        letGo()
        return ticket
    }

    /// Does none of it: messages that consumers had go back, as tries that failed.
    func rollBack() {
        for post in posts { post.node.unreserve(post.bytes) }
        for retirement in retirements {
            retirement.delivery?.settle(.modified(deliveryFailed: true))
            retirement.link.giveBack(retirement.message)
        }
        for node in used.values { node.dispatch() }
        letGo()
    }

    private func letGo() {
        for node in used.values { nodes.release(node) }
        used = [:]
    }
}
