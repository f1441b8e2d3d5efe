// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// Durable subscriptions: the peer keeps their messages while no receiver is attached.
extension AMQPConnection {
    /// Creates a receiver of a durable subscription, which the first attach creates and later attaches resume.
    ///
    ///     client.options.containerID = "archive-1"
    ///     try await client.withConnection { connection in
    ///         for try await delivery in connection.subscription("archive", to: "news") { … }
    ///     }
    ///
    /// The peer identifies a subscription by its name and the connection's container id (`ConnectionOptions.containerID`). The
    /// program has to set that id, and both have to stay the same from one run to the next. While no receiver is attached, the
    /// peer keeps the messages. The receiver is detached by `AMQPReceiver.detach`, when it is deinitialized, and when the
    /// connection ends; the subscription then waits for the next receiver. `AMQPReceiver.close` ends the subscription and drops
    /// its messages, and so does `unsubscribe` without a receiver.
    ///
    /// The link's name is `name`, and its source has the terminus durability `unsettled-state`, the expiry policy `never` and the
    /// capability `topic`, as JMS clients ask for it. Peers differ in what they do with another address or filter under the same
    /// name.
    /// - Parameters:
    ///   - name: the subscription's name, which no other link of the connection uses.
    ///   - address: the address to subscribe to.
    ///   - window: as in `receiver`.
    ///   - session: as in `receiver`.
    ///   - options: further options of the link, such as a selector.
    /// - Returns: the receiver. It ends with `ProtonError.Code.invalidArgument` if the program has not set the connection's
    ///   container id.
    public func subscription(
        _ name: String, to address: String, window: Int = 100, on session: AMQPSession? = nil,
        options: [LinkOption] = []
    ) -> AMQPReceiver {
        let topic = LinkOption.source { $0.capabilities = ["topic"] }
        let (core, options) = (core, LinkOption([.durableSubscription, topic] + options))
        let title = "subscription \"\(name.escapedForLog(upTo: 200))\" to \(address.escapedForLog(upTo: 200))"
        let incoming = Incoming(window: max(0, window), title: title)
        let link = ClientLink(core, title, incoming, ending: .detach, as: .receiver, address) { connection, handler in
            try connection.checkNamed()
            return try connection.container.createReceiver(
                session?.core.session(on: connection) ?? core.session(on: connection), address, name: name,
                handler: handler, options: options)
        }
        return AMQPReceiver(self, ReceiverLink(incoming, link, container))
    }

    /// Attaches a receiver of a durable subscription, runs the body with it, and detaches it, also if the body throws.
    /// - Throws: the errors of the body and of `withReceiver`; `ProtonError.Code.invalidArgument` if the program has not set the
    ///   connection's container id.
    @discardableResult
    public func withSubscription<Result>(
        _ name: String, to address: String, window: Int = 100, on session: AMQPSession? = nil,
        options: [LinkOption] = [], _ body: (AMQPReceiver) async throws -> Result
    ) async throws -> Result {
        let receiver = subscription(name, to: address, window: window, on: session, options: options)
        do {
            try await receiver.attach()
            let result = try await body(receiver)
            await receiver.detach()
            return result
        } catch {
            await receiver.detach()
            throw error
        }
    }

    /// Ends a durable subscription that has no receiver, and drops the messages that are kept for it.
    ///
    /// As JMS clients do, it attaches a link of that name with a null source, which brokers answer with the subscription's
    /// source, and closes the link.
    /// - Throws: `ProtonError`: `.linkError` if the peer knows no such subscription (`amqp:not-found`), or does not support this
    ///   way to end it; `.invalidArgument` if the program has not set the connection's container id; the error that ended the
    ///   connection; `CancellationError`.
    public func unsubscribe(_ name: String) async throws {
        let core = core
        let title = "end of the subscription \"\(name.escapedForLog(upTo: 200))\""
        let incoming = Incoming(window: 0, title: title)
        let link = ClientLink(core, title, incoming, ending: .detach, as: .receiver, nil) { connection, handler in
            try connection.checkNamed()
            return try connection.container.createReceiver(
                core.session(on: connection), name: name, handler: handler,
                options: .source { $0.kind = .unspecified })
        }
        let receiver = AMQPReceiver(self, ReceiverLink(incoming, link, container))
        try await receiver.attach()
        await receiver.close()
    }
}

extension AMQPReceiver {
    /// Detaches the link, and waits until the peer has detached it too, for `ConnectionLimits.closeTimeout` at most.
    ///
    /// Unlike `close`, it leaves what is durable at the peer: a subscription goes on, and the next receiver of its name gets the
    /// messages that arrive meanwhile. Messages that were handed out and not settled are returned with a failed delivery
    /// (modified). This receiver has then ended.
    public func detach() async {
        await shared.link.close(.detach)
    }
}

extension Connection {
    /// - Throws: `ProtonError.Code.invalidArgument` if the program has not set a container id.
    fileprivate func checkNamed() throws(ProtonError) {
        guard context?.hasChosenID == true else {
            throw ProtonError(
                .invalidArgument,
                "A durable subscription is known by the container id: set `ConnectionOptions.containerID`.")
        }
    }
}
