// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// What a peer says of a link that it wants to attach (AMQP 1.0, 2.7.3).
public struct AMQPAttach: Sendable {
    /// One end of the link, as the peer says it is (AMQP 1.0, 3.5).
    public struct Terminus: Sendable {
        /// What it stands for; `.unspecified` where the peer says nothing of it.
        public let kind: ProtonEngine.Terminus.Kind
        /// The name of the node; nil where the peer names none.
        public let address: String?
        /// Whether the node is to be made for the link.
        public let isDynamic: Bool
        /// What outlives the connection.
        public let durability: ProtonEngine.Terminus.Durability
        /// From when on its time-out counts.
        public let expiryPolicy: ProtonEngine.Terminus.ExpiryPolicy
        /// How long it is kept then, in seconds.
        public let timeout: UInt32
        /// Whether messages that are taken leave the node; of sources.
        public let distributionMode: ProtonEngine.Terminus.DistributionMode
        /// The extensions that the peer wants of the node.
        public let capabilities: [Symbol]
        /// What a dynamic node is to be like.
        public let properties: AMQPMap
        /// Which messages the peer wants; of sources.
        public let filter: AMQPMap

        init(_ terminus: ProtonEngine.Terminus) {
            kind = terminus.kind
            address = terminus.address
            isDynamic = terminus.isDynamic
            durability = terminus.durability
            expiryPolicy = terminus.expiryPolicy
            timeout = terminus.timeout
            distributionMode = terminus.distributionMode
            capabilities = terminus.capabilities
            properties = terminus.properties
            filter = terminus.filter
        }
    }

    /// The link's name.
    public let name: String
    /// Where its messages come from.
    public let source: Terminus
    /// Where its messages go to.
    public let target: Terminus
    /// Whether the sender settles what it sends.
    public let senderSettleMode: SenderSettleMode
    /// When the receiver settles.
    public let receiverSettleMode: ReceiverSettleMode
    /// The largest message that the peer takes, in bytes; nil is no limit.
    public let maxMessageSize: Int?
    /// What the peer tells of the link.
    public let properties: AMQPMap

    /// Called in the connection's domain.
    init(_ link: Link) {
        name = link.name
        source = Terminus(link.remoteSource)
        target = Terminus(link.remoteTarget)
        senderSettleMode = link.remoteSenderSettleMode
        receiverSettleMode = link.remoteReceiverSettleMode
        maxMessageSize = link.remoteMaxMessageSize
        properties = link.remoteProperties
    }
}
