public import AMQP
import ProtonEngine

extension AMQPConnection {
    /// Answers the requests that come to an address, until the task is cancelled.
    ///
    /// A request is accepted once its response has been taken by the peer. The response goes to the request's reply address,
    /// with its correlation id, or else its id; a request without a reply address, or a body that returns nil, gets none.
    /// What the body throws decides about the request: `Delivery.Reject` rejects it with its condition, `Delivery.Release` and a
    /// `CancellationError` give it back, and anything else is logged and rejects it with `amqp:internal-error`.
    ///
    /// When the task is cancelled no more requests are begun, and bodies are cancelled; responses that they return are sent
    /// all the same.
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
        let most = max(1, concurrency)
        // As many wait here as are answered, so that none waits for a round trip.
        try await withReceiver(from: address, window: 2 * most, options: options) { receiver in
            attached(receiver.address)
            try await withThrowingTaskGroup(of: Void.self) { group in
                var count = 0
                while let delivery = try await receiver.next() {
                    if count == most {
                        try await group.next()
                        count -= 1
                    }
                    count += 1
                    group.addTask { await self.answer(delivery, body) }
                }
                try await group.waitForAll()
            }
        }
    }

    private func answer(
        _ delivery: AMQPDelivery, _ body: @Sendable (Message) async throws -> Message?
    ) async {
        let request = delivery.message
        do {
            guard var response = try await body(request), let address = request.replyTo else {
                return delivery.accept()
            }
            response.correlationID = request.correlationID ?? request.id
            response.address = address
            // In a task of its own: it is sent also when this one is cancelled meanwhile.
            let answer = response
            _ = try await Task { try await self.keptSender(to: address).send(answer, timeout: .seconds(30)) }.value
            delivery.accept()
        } catch let rejection as Delivery.Reject {
            delivery.reject(rejection.condition)
        } catch is Delivery.Release, is CancellationError {
            delivery.release()
        } catch let error as AMQPSendError {
            core.log("A response was not taken: \(error)")
            // Whoever has asked is gone, most likely: another try would come to the same.
            delivery.reject(Condition(.internalError, "The response was not taken."))
        } catch {
            core.log("A request was not answered: \(error)")
            delivery.reject(Condition(.internalError, "The request could not be answered."))
        }
    }
}
