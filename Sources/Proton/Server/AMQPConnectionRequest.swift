// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A connection that a peer has opened, until the program has decided about it; from any task.
///
/// The peer has logged in, where it has to. One that nobody decides about, and nobody keeps, is refused.
public final class AMQPConnectionRequest: Sendable {
    private let incoming: IncomingConnection
    private let isDecided = UncheckedMutex(false)
    /// Who asks.
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
    ///   - offeredCapabilities: the extensions that this side offers, besides those of the server's options.
    ///   - properties: what this side tells of itself, besides the options' properties.
    /// - Throws: `ProtonError`: what ended the connection meanwhile; `.invalidArgument` where it was decided about before;
    ///   `CancellationError`: then it is closed.
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
    /// - Parameter url: where: its host is `network-host`, its port `port`.
    /// - Parameter virtualHost: the virtual host to ask for there; nil is the one that was asked for here.
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
    /// What tells a peer to go elsewhere (AMQP 1.0, 2.8.16 and 2.8.18).
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
