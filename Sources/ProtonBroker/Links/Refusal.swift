import Proton

/// Why a link is not attached.
struct Refusal: Error {
    let condition: Condition

    init(_ name: Symbol, _ description: String) {
        condition = Condition(name, description)
    }
}

extension Terminus {
    /// What a peer that attaches asks for.
    enum Request {
        /// A node that is made for the link.
        case dynamicNode
        /// The node with an address.
        case node(String)
    }

    /// The longest address that is taken, in bytes of UTF-8.
    private static var maxAddressSize: Int { 1_024 }

    /// What the peer asks for with this source or target of its own.
    /// - Throws: where that is nothing that the broker has.
    func request() throws(Refusal) -> Request {
        switch kind {
        case .coordinator: throw Refusal(.notImplemented, "This broker has no transactions.")
        case .unspecified: throw Refusal(.invalidField, "Attach to an address: the terminus is null.")
        case .source, .target: break
        }
        if isDynamic { return .dynamicNode }
        guard let address, !address.isEmpty else {
            throw Refusal(.invalidField, "Attach to an address: the terminus has none.")
        }
        guard address.utf8.count <= Terminus.maxAddressSize else {
            throw Refusal(.invalidField, "The address is longer than \(Terminus.maxAddressSize) bytes.")
        }
        return .node(address)
    }
}
