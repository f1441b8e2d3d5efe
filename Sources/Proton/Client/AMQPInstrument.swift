// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// What watches the connections of an `AMQPClient` or an `AMQPServer`: `AMQPClient.instruments`, `AMQPServer.instruments`.
///
/// Metrics and traces are two of them (the products `ProtonMetrics` and `ProtonTracing`). Each requirement has a default that
/// does nothing. They are called on any thread, several at once, some of them on the connection's: they must not block. A
/// client without instruments pays nothing for what they are told.
public protocol AMQPInstrument: Sendable {
    /// A message is about to be handed to a sender; it may be changed, its annotations above all.
    ///
    /// Also called for requests, for responses that `serve` sends, and for messages of a transaction.
    /// - Returns: what is told of the message's end: nil is nobody.
    func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver?

    /// A message was handed out to the program.
    /// - Parameters:
    ///   - message: what has come.
    ///   - isSettled: whether its sender had settled it, so that nobody will settle it here.
    ///   - link: what it has come over.
    /// - Returns: what is told of its settlement: nil is nobody.
    func didReceive(_ message: Message, isSettled: Bool, by link: AMQPLinkInfo) -> AMQPSettlementObserver?

    /// The program handles a message that it has received: runs the body, once, and returns what that does.
    ///
    /// Called by `AMQPDelivery.process`, and by `serve` for each request.
    func process<Result>(
        _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
    ) async rethrows -> Result

    /// The program sends a request: runs the body, once, which sends it and returns the response.
    func request<Response>(
        _ message: Message, to link: AMQPLinkInfo, _ body: () async throws -> Response
    ) async rethrows -> Response

    /// Something became of a connection.
    func connectionDidChange(_ event: AMQPConnectionEvent, _ connection: AMQPConnectionInfo)

    /// A link's credit, or how much is under way on it, has changed: told after each batch of what changed it.
    func levelsDidChange(_ levels: AMQPLinkLevels, of link: AMQPLinkInfo)
}

/// What is told, once, of a message that was to be sent: what the peer made of it, or why it did not, and how long that took
/// since the message was handed over.
///
/// A message that `trySend` finds no room for is `.notSent`. Of a link whose messages are sent settled the outcome is
/// accepted, once the message is sent.
public typealias AMQPSendObserver =
    @Sendable (_ result: Result<Outcome, AMQPSendError>, _ latency: Duration) -> Void

/// What is told, once, of a message that was handed out: what the program has said of it first, and how long that took.
///
/// Nil where nobody keeps the message any more, and it was not settled.
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
