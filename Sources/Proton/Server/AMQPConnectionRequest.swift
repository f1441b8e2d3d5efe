// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A connection that a peer has opened, for the program to accept or refuse; from any task.
///
/// The peer has authenticated, if that is required. A request that is deinitialized without a decision is refused.
public final class AMQPConnectionRequest: Sendable {
    private let incoming: IncomingConnection
    private let isDecided = UncheckedMutex(false)
    /// The peer that requests the connection.
    public let peer: AMQPPeer

    init(_ incoming: IncomingConnection, _ peer: AMQPPeer) {
        (self.incoming, self.peer) = (incoming, peer)
    }

    deinit {
        if !isDecided.withLock({ $0 }) {
            incoming.refuse(Condition(.resourceLimitExceeded, "Nobody here takes the connection."))
        }
    }

    /// Opens the connection on this side too.
    /// - Parameters:
    ///   - offeredCapabilities: the extensions that this side offers, in addition to those of the server's options.
    ///   - properties: the connection properties of this side, in addition to those of the options.
    public func accept(
        offeredCapabilities: [Symbol] = [], properties: AMQPMap = [:]
    ) async throws -> AMQPConnection {
        try decide()
        let core = incoming.makeCore(peer)
        let connection = AMQPConnection(core, incoming.container)
        incoming.accept(core) { connection in
            connection.offeredCapabilities += offeredCapabilities
            for (key, value) in properties { connection.properties[key] = value }
        }
        if let error = await core.waitUntilOpen() { throw error }
        try Task.checkCancellation()
        return connection
    }

    /// Closes the connection with a reason.
    public func refuse(_ condition: Condition) {
        if (try? decide()) != nil { incoming.refuse(condition) }
    }

    /// Closes the connection, and tells the peer to connect elsewhere (`amqp:connection:redirect`, AMQP 1.0, 2.8.16).
    /// - Parameter url: the new destination: its host is `network-host`, its port `port`.
    /// - Parameter virtualHost: the virtual host to request there; nil is the one that was requested here.
    public func redirect(to url: AMQPURL, virtualHost: String? = nil) {
        refuse(
            .redirect(
                .connectionRedirect, to: url, hostname: virtualHost ?? peer.virtualHost ?? url.host, address: nil))
    }

    private func decide() throws(ProtonError) {
        guard !isDecided.withLock({ exchange(&$0, with: true) }) else {
            throw ProtonError(.invalidArgument, "The connection was accepted or refused before.")
        }
    }
}

extension Condition {
    /// The condition that redirects a peer (AMQP 1.0, 2.8.16 and 2.8.18).
    static func redirect(_ name: Symbol, to url: AMQPURL, hostname: String, address: String?) -> Condition {
        var info: AMQPMap = [
            .symbol("hostname"): .string(hostname),
            .symbol("network-host"): .string(url.host),
            .symbol("port"): .ushort(UInt16(clamping: url.port)),
        ]
        if let address { info[.symbol("address")] = .string(address) }
        return Condition(name, "Connect to \(url.hostAndPort) instead.", info: info)
    }
}
