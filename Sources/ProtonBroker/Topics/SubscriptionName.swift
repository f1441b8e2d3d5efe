/// What tells a durable subscription from others: whose it is, and the name of the link that subscribes.
struct SubscriptionName {
    /// The subscriber, as it calls itself.
    let containerID: String
    let linkName: String

    /// The address of the subscription's node, which is that of no other name.
    ///
    /// The first slash separates the two: one in the container's id is written as `%2F`, and a percent sign as `%25`.
    var address: String {
        var address = ""
        for scalar in containerID.unicodeScalars {
            switch scalar {
            case "/": address += "%2F"
            case "%": address += "%25"
            default: address.unicodeScalars.append(scalar)
            }
        }
        return "\(address)/\(linkName)"
    }

    /// The address as stores of earlier versions have it, which names with slashes may share.
    var earlierAddress: String { "\(containerID)/\(linkName)" }
}
