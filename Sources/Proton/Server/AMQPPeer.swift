// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// What is known of the peer of a connection: what its open frame says (AMQP 1.0, 2.7.1), and how it has logged in.
public struct AMQPPeer: Sendable {
    /// The peer's name among its like; nil where it says none.
    public let containerID: String?
    /// The virtual host that the peer asks for; nil where it names none.
    public let virtualHost: String?
    /// The user that the peer has logged in as; nil of an anonymous one, and of a peer that this side has connected to.
    public let user: String?
    /// The SASL mechanism that was used; nil where none was.
    public let mechanism: SASLMechanism?
    /// The address of the peer's socket, as in `127.0.0.1:40012`; nil where there is none, as in memory.
    public let address: String?
    /// What TLS has come to; nil over a plain connection.
    public let tls: TLSInfo?
    /// The extensions that the peer offers.
    public let offeredCapabilities: [Symbol]
    /// The extensions that the peer can use.
    public let desiredCapabilities: [Symbol]
    /// What the peer tells of itself.
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
