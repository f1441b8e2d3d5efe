import Proton

/// Why a link is not attached, or a message not taken.
struct Refusal: Error {
    let condition: Condition

    init(_ name: Symbol, _ description: String) {
        condition = Condition(name, description)
    }

    /// Whether the broker could do it if it had more room.
    var isLimit: Bool { condition.name == .resourceLimitExceeded }

    /// Why, in words.
    var reason: String { condition.description ?? condition.name.name }
}

extension Terminus {
    /// What a peer that attaches asks for.
    enum Request {
        /// A node that is made for the link.
        case dynamicNode
        /// The node with an address.
        case node(String)
        /// A target without an address: each message says where it goes.
        case relay
        /// The coordinator of transactions.
        case coordinator
    }

    /// What the peer asks for with this source or target of its own.
    /// - Throws: where that is nothing that the broker has.
    func request() throws(Refusal) -> Request {
        switch kind {
        case .coordinator: return .coordinator
        case .unspecified: throw Refusal(.invalidField, "Attach to an address: the terminus is null.")
        case .source, .target: break
        }
        if isDynamic { return .dynamicNode }
        guard let address else {
            if kind == .target { return .relay }
            throw Refusal(.invalidField, "Attach to an address: the source has none.")
        }
        return .node(try NodeTable.checked(address))
    }
}
