// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// Durable subscriptions: what the peer keeps for a receiver that is not there.
extension AMQPConnection {
    /// A receiver of a durable subscription, which is made when the receiver is attached for the first time, and resumed later.
    ///
    ///     client.options.containerID = "archive-1"
    ///     try await client.withConnection { connection in
    ///         for try await delivery in connection.subscription("archive", to: "news") { … }
    ///     }
    ///
    /// The peer knows a subscription by its name and the connection's container id (`ConnectionOptions.containerID`), so the
    /// program has to give that: both stay the same from one run of the program to the next. While nobody is attached,
    /// the peer keeps the messages. Detached, it waits for the next receiver: by `AMQPReceiver.detach`, when nobody keeps the
    /// receiver, when the connection ends. `AMQPReceiver.close` ends the subscription and drops its messages, and so does
    /// `unsubscribe` without a receiver.
    ///
    /// The link's name is `name`, its source has the terminus durability `unsettled-state` and the expiry policy `never`, and the
    /// capability `topic`, as JMS clients ask for it. What peers make of another address or filter under the same name differs.
    /// - Parameters:
    ///   - name: the subscription's name, which no other link of the connection has.
    ///   - address: what is subscribed to.
    ///   - window: as of `receiver`.
    ///   - session: as of `receiver`.
    ///   - options: what else to set before the link is opened, such as a selector.
    /// - Returns: the receiver. It ends with `ProtonError.Code.invalidArgument` where the connection has no container id of the
    ///   program's.
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

    /// Attaches a receiver of a durable subscription, runs the body with it, and detaches it, whatever comes of the body.
    /// - Throws: what the body throws; as `withReceiver`; `ProtonError.Code.invalidArgument` where the connection has no
    ///   container id of the program's.
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

    /// Ends a durable subscription that nobody is attached to, with the messages that are kept for it.
    ///
    /// A link of that name is attached with a null source, which brokers answer with the subscription's, and closed: as JMS
    /// clients do.
    /// - Throws: `ProtonError`: `.linkError` where the peer knows no such subscription (`amqp:not-found`), or does not know this
    ///   way; `.invalidArgument` where the connection has no container id of the program's; what ended the connection;
    ///   `CancellationError`.
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
    /// Detaches the link, and waits until the peer has done so too, for `ConnectionLimits.closeTimeout` at most.
    ///
    /// As `close`, but the peer keeps what is durable: a subscription goes on, and the next receiver of its name has what
    /// comes meanwhile. What was handed out and not settled goes back as tried. This receiver is over.
    public func detach() async {
        await shared.link.close(.detach)
    }
}

extension Connection {
    /// - Throws: `ProtonError.Code.invalidArgument` where the program has given no container id.
    fileprivate func checkNamed() throws(ProtonError) {
        guard context?.hasChosenID == true else {
            throw ProtonError(
                .invalidArgument,
                "A durable subscription is known by the container id: set `ConnectionOptions.containerID`.")
        }
    }
}
