// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

extension AMQPConnection {
    /// Answers the requests that come to an address, until the task is cancelled.
    ///
    /// A request is accepted once its response has been taken by the peer. The response goes to the request's reply address,
    /// with its correlation id, or else its id; a request without a reply address, or a body that returns nil, gets none.
    /// What the body throws decides about the request: `Delivery.Reject` rejects it with its condition, `Delivery.Release` and a
    /// `CancellationError` give it back, and anything else is logged and rejects it with `amqp:internal-error`. A request that is
    /// not valid AMQP is logged and rejected.
    ///
    /// When the task is cancelled no more requests are begun, and bodies are cancelled; responses that they return are sent
    /// all the same. Without a broker in between there is `AMQPListener.serve`.
    /// - Parameters:
    ///   - address: where requests come to; nil has the peer make a node, whose address `attached` is told.
    ///   - concurrency: how many requests are answered at once: at least 1. Default 16.
    ///   - options: what else to set before the link is opened.
    ///   - attached: told of the node's address once requests can come.
    ///   - body: makes the response of a request.
    /// - Throws: `ProtonError`: `.linkError` where the peer refuses the link, or closes it; what ended the connection.
    public func serve(
        _ address: String?, concurrency: Int = 16, options: [LinkOption] = [],
        attached: (_ address: String?) -> Void = { _ in },
        _ body: @escaping @Sendable (_ request: Message) async throws -> Message?
    ) async throws {
        let serving = Serving(concurrency: concurrency, body) { [self] in
            keptSender(to: $0)
        } log: { [core] in
            core.log($0)
        }
        try await withReceiver(from: address, window: serving.window, options: options) { receiver in
            attached(receiver.address)
            try await serving.run(receiver)
        }
    }
}
