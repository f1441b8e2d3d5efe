// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

extension AMQPConnection {
    /// Answers the requests that arrive at an address, until the task is cancelled.
    ///
    /// A request is accepted when the peer has accepted its response. The response goes to the request's reply address, with its
    /// correlation id or, if it has none, its id. If the request has no reply address, or the body returns nil, no response is
    /// sent. An error of the body settles the request: `Delivery.Reject` rejects it with its condition, `Delivery.Release` and
    /// `CancellationError` release it, and any other error is logged and rejects it with `amqp:internal-error`. A request that is
    /// not valid AMQP is logged and rejected.
    ///
    /// When the task is cancelled, no more requests are started and the running bodies are cancelled; responses that they still
    /// return are sent. To serve without a broker, see `AMQPListener.serve`.
    /// - Parameters:
    ///   - address: the address that requests arrive at; nil has the peer create a node, whose address is passed to `attached`.
    ///   - concurrency: how many requests are answered at once: at least 1. Default 16.
    ///   - options: further options, which are set before the link is opened.
    ///   - attached: called with the node's address when requests can arrive.
    ///   - body: creates the response to a request.
    /// - Throws: `ProtonError`: `.linkError` if the peer refuses or closes the link; the error that ended the connection.
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
