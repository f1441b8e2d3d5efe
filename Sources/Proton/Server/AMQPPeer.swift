// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// The peer of a connection: the fields of its open frame (AMQP 1.0, 2.7.1), and its authentication.
public struct AMQPPeer: Sendable {
    /// The peer's container id; nil if it sent none.
    public let containerID: String?
    /// The virtual host that the peer requests; nil if it sent none.
    public let virtualHost: String?
    /// The user that the peer has authenticated as; nil if it is anonymous, and for a peer that this side has connected to.
    public let user: String?
    /// The SASL mechanism that was used; nil if there was none.
    public let mechanism: SASLMechanism?
    /// The address of the peer's socket, such as `127.0.0.1:40012`; nil without a socket, such as in memory.
    public let address: String?
    /// The parameters of the TLS session; nil without TLS.
    public let tls: TLSInfo?
    /// The extensions that the peer offers.
    public let offeredCapabilities: [Symbol]
    /// The extensions that the peer can use.
    public let desiredCapabilities: [Symbol]
    /// The connection properties of the peer.
    public let properties: AMQPMap

    /// Called in the connection's domain.
    init(_ connection: Connection) {
        let transport = connection.transport
        containerID = connection.remoteContainerID
        virtualHost = connection.remoteHostname
        user = connection.isIncoming ? connection.user : nil
        mechanism = transport?.mechanism
        address = transport?.remoteAddress
        tls = transport?.tls
        offeredCapabilities = connection.remoteOfferedCapabilities
        desiredCapabilities = connection.remoteDesiredCapabilities
        properties = connection.remoteProperties
    }
}
