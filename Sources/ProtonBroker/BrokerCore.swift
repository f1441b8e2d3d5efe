/// What all connections of a broker share; each of its threads may use it.
struct BrokerCore: Sendable {
    let options: BrokerOptions
    let nodes: NodeTable

    init(_ options: BrokerOptions) {
        self.options = options
        nodes = NodeTable(options)
    }
}
