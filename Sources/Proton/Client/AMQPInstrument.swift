// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// Observes the connections of an `AMQPClient` or an `AMQPServer`: see `AMQPClient.instruments` and `AMQPServer.instruments`.
///
/// Metrics and traces are two instruments (the products `ProtonMetrics` and `ProtonTracing`). Each requirement has a default that
/// does nothing. The functions are called on any thread, several at once, some of them on the connection's: they must not block.
/// A client without instruments has no cost from them.
public protocol AMQPInstrument: Sendable {
    /// A message is about to be handed to a sender; the instrument may change it, mainly its annotations.
    ///
    /// Also called for requests, for responses that `serve` sends, and for messages of a transaction.
    /// - Returns: the function to call when the message has its outcome; nil for none.
    func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver?

    /// A message was handed out to the program.
    /// - Parameters:
    ///   - message: the message.
    ///   - isSettled: whether the sender sent it settled, so that it is not settled here.
    ///   - link: the link on which it arrived.
    /// - Returns: the function to call when the message is settled; nil for none.
    func didReceive(_ message: Message, isSettled: Bool, by link: AMQPLinkInfo) -> AMQPSettlementObserver?

    /// The program handles a message that it has received: runs the body once, and returns its result.
    ///
    /// Called by `AMQPDelivery.process`, and by `serve` for each request.
    func process<Result>(
        _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
    ) async rethrows -> Result

    /// The program sends a request: runs the body, once, which sends it and returns the response.
    func request<Response>(
        _ message: Message, to link: AMQPLinkInfo, _ body: () async throws -> Response
    ) async rethrows -> Response

    /// The state of a connection has changed.
    func connectionDidChange(_ event: AMQPConnectionEvent, _ connection: AMQPConnectionInfo)

    /// A link's credit, or the number of its unsettled or waiting messages, has changed: called after each batch of events.
    func levelsDidChange(_ levels: AMQPLinkLevels, of link: AMQPLinkInfo)
}

/// Is called once for a message that was to be sent, with its outcome or the error, and the time since it was handed over.
///
/// A message that `trySend` finds no room for is `.notSent`. If the link sends its messages settled, the outcome is accepted when
/// the message is sent.
public typealias AMQPSendObserver =
    @Sendable (_ result: Result<Outcome, AMQPSendError>, _ latency: Duration) -> Void

/// Is called once for a message that was handed out, with its first settlement and the time until then.
///
/// The state is nil if the program dropped the message without settling it.
public typealias AMQPSettlementObserver = @Sendable (_ state: DeliveryState?, _ time: Duration) -> Void

extension AMQPInstrument {
    /// Does nothing.
    public func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? { nil }

    /// Does nothing.
    public func didReceive(_ message: Message, isSettled: Bool, by link: AMQPLinkInfo) -> AMQPSettlementObserver? {
        nil
    }

    /// Runs the body.
    public func process<Result>(
        _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await body()
    }

    /// Runs the body.
    public func request<Response>(
        _ message: Message, to link: AMQPLinkInfo, _ body: () async throws -> Response
    ) async rethrows -> Response {
        try await body()
    }

    /// Does nothing.
    public func connectionDidChange(_ event: AMQPConnectionEvent, _ connection: AMQPConnectionInfo) {}

    /// Does nothing.
    public func levelsDidChange(_ levels: AMQPLinkLevels, of link: AMQPLinkInfo) {}
}
