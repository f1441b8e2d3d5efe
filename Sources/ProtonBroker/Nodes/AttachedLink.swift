/// A link to a node, as the node knows it.
protocol AttachedLink: AnyObject, Sendable {
    var role: LinkRole { get }
    /// Whether it is a durable subscriber's: the node has the name of that and of the link, so there is one at a time.
    var isSubscriber: Bool { get }
    /// The link that this one waited for is over. Called on any of the broker's threads.
    func itsTurnHasCome()
    /// Leaves the node, soon: the subscriber has attached the link elsewhere. Called on any of the broker's threads.
    func giveWay()
    /// Closes the link, soon: its node is gone. Called on any of the broker's threads.
    func closeSinceDeleted()
}

/// What a link does with the messages of its node.
enum LinkRole: Sendable {
    /// Brings them.
    case sender
    /// Takes them.
    case consumer
    /// Looks at them.
    case browser
}
