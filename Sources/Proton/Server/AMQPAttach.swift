// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// The fields of a peer's attach frame (AMQP 1.0, 2.7.3).
public struct AMQPAttach: Sendable {
    /// One terminus of the link, from the peer's attach (AMQP 1.0, 3.5).
    public struct Terminus: Sendable {
        /// The kind of the terminus; `.unspecified` if the peer sent none.
        public let kind: ProtonEngine.Terminus.Kind
        /// The address of the node; nil if the peer sent none.
        public let address: String?
        /// Whether the node has to be created for the link.
        public let isDynamic: Bool
        /// Which state of the terminus is durable.
        public let durability: ProtonEngine.Terminus.Durability
        /// When its expiry time-out begins.
        public let expiryPolicy: ProtonEngine.Terminus.ExpiryPolicy
        /// The expiry time-out, in seconds.
        public let timeout: UInt32
        /// Whether messages that are taken leave the node; for sources.
        public let distributionMode: ProtonEngine.Terminus.DistributionMode
        /// The extensions that the peer wants from the node.
        public let capabilities: [Symbol]
        /// The properties of a dynamic node.
        public let properties: AMQPMap
        /// The filters for the messages; for sources.
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
    /// The source of its messages.
    public let source: Terminus
    /// The target of its messages.
    public let target: Terminus
    /// Whether the sender settles messages when it sends them.
    public let senderSettleMode: SenderSettleMode
    /// When the receiver settles.
    public let receiverSettleMode: ReceiverSettleMode
    /// The maximum message size that the peer accepts, in bytes; nil is no limit.
    public let maxMessageSize: Int?
    /// The link properties of the peer.
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
