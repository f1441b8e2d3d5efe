// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A link that receives, of an `AMQPConnection`: a sequence of messages, never more ahead than its window; from any task.
///
///     for try await delivery in connection.receiver(from: "examples") {
///         print(delivery.message.body)
///         delivery.accept()
///     }
///
/// The peer may send `window` messages that are not settled. Credit comes back as they are, so that a program that stops
/// settling stops the peer. The loop ends when the receiver is closed here, or its task is cancelled, and throws what else ended
/// the link. Several tasks may iterate: each message goes to one of them.
///
/// A receiver that nobody keeps is closed: what it has not handed out is released, and what was handed out and not
/// settled goes back as tried (modified, AMQP 1.0, 3.4.5).
public final class AMQPReceiver: AsyncSequence, Sendable {
    let shared: ReceiverLink
    /// The connection, which the receiver keeps open; nil of a receiver that the connection keeps.
    private let connection: AMQPConnection?

    init(
        _ connection: AMQPConnection, _ session: ClientSession?, _ address: String?, window: Int, _ option: LinkOption
    ) {
        shared = ReceiverLink(
            connection.core, connection.container, session, address, window: Swift.max(0, window), option)
        self.connection = connection
    }

    init(_ connection: AMQPConnection, _ shared: ReceiverLink) {
        (self.connection, self.shared) = (connection, shared)
    }

    /// A link that the peer sends on, and the program has accepted.
    init(_ connection: AMQPConnection, _ answer: IncomingLink.Answer, window: Int) {
        shared = ReceiverLink(answer, connection.container, window: window)
        self.connection = connection
    }

    deinit {
        shared.link.beginClosing()
    }

    /// The address of the node, as the peer says it is; nil before the link is attached.
    public var address: String? { shared.link.address }

    /// Whether the node's messages are moved or copied, as the peer says; nil before the link is attached.
    package var distributionMode: Terminus.DistributionMode? { shared.link.distributionMode }

    /// How many messages have come and wait for the program: the window at most.
    public var waitingCount: Int { shared.incoming.waitingCount }

    /// How many messages the peer may send ahead of their settlement; 0 leaves credit to `grant`.
    public var window: Int { shared.incoming.window }

    /// Attaches the link now rather than with the first message that is asked for.
    /// - Throws: `ProtonError`: `.linkError` with the peer's condition where it refuses the link; what ended the connection;
    ///   `CancellationError`.
    public func attach() async throws {
        try await shared.link.waitUntilAttached()
    }

    // MARK: Receiving

    /// The messages, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let receiver: AMQPReceiver

        init(_ receiver: AMQPReceiver) { self.receiver = receiver }

        /// The next message; nil once the receiver is closed here, or the task is cancelled.
        /// - Throws: as `AMQPReceiver.next`.
        public mutating func next() async throws -> AMQPDelivery? { try await receiver.next() }
    }

    /// Begins with the next message that comes.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// Takes the next message, waiting for it.
    /// - Returns: nil once the receiver is closed here, or the task is cancelled.
    /// - Throws: `ProtonError`: `.linkError` where the peer has closed or detached the link; what ended the connection;
    ///   `.protocolViolation` for a message that is not valid AMQP, and was rejected: the next call goes on.
    public func next() async throws -> AMQPDelivery? {
        if Task.isCancelled { return nil }
        if let (arrival, tellsDomain) = shared.incoming.takeOne() {
            // Once it is decoded: the peer hears that it is rejected before it sends another one.
            defer { shared.tellDomain(tellsDomain) }
            return try delivery(arrival)
        }
        return try await shared.next(most: 1, least: 1, within: nil)?.first.map(delivery)
    }

    /// Takes the next message, waiting for it for some time.
    /// - Returns: nil where none came in time, the receiver is closed here, or the task is cancelled.
    /// - Throws: as `next()`.
    public func next(within time: Duration) async throws -> AMQPDelivery? {
        try await shared.next(most: 1, least: 1, within: time)?.first.map(delivery)
    }

    private func delivery(_ arrival: Incoming.Arrival) throws(ProtonError) -> AMQPDelivery {
        let (message, token) = (try shared.message(arrival), arrival.token)
        return AMQPDelivery(message, token, shared, shared.link.observe(received: message, isSettled: token == nil))
    }

    /// What of a batch is valid; what is not is told when the next messages are asked for, where something is.
    private func deliveries(_ arrivals: [Incoming.Arrival]) throws(ProtonError) -> [AMQPDelivery] {
        var deliveries: [AMQPDelivery] = []
        deliveries.reserveCapacity(arrivals.count)
        for arrival in arrivals {
            do { deliveries.append(try delivery(arrival)) } catch { shared.incoming.keep(invalid: error) }
        }
        if deliveries.isEmpty, let error = shared.incoming.takeInvalid() { throw error }
        return deliveries
    }

    /// The messages in batches.
    /// - Parameters:
    ///   - count: how many messages a batch has at most.
    ///   - time: how long to wait for a batch to be full, or half the window if that is less, once its first message is there;
    ///     zero, the default, takes what is there.
    public func batches(of count: Int, within time: Duration = .zero) -> AMQPBatches {
        AMQPBatches(receiver: self, count: Swift.max(1, count), time: time)
    }

    func nextBatch(of count: Int, within time: Duration) async throws -> [AMQPDelivery]? {
        guard var arrivals = try await shared.next(most: count, least: 1, within: nil) else { return nil }
        if time > .zero, arrivals.count < count {
            // What is in hand is in the window too: only the rest of that comes before it is settled.
            let window = shared.incoming.window
            let room = window > 0 ? Swift.min(count, Swift.max(1, window / 2)) : count
            if arrivals.count < room,
                let more = try? await shared.next(
                    most: count - arrivals.count, least: room - arrivals.count, within: time)
            {
                arrivals += more
            }
        }
        return try deliveries(arrivals)
    }

    // MARK: Settling and credit

    /// Says what becomes of several messages, in one go.
    @inlinable
    public func settle(_ deliveries: some Sequence<AMQPDelivery>, _ state: DeliveryState = .accepted) {
        settleAll(Array(deliveries), state)
    }

    @usableFromInline
    func settleAll(_ deliveries: [AMQPDelivery], _ state: DeliveryState) {
        let tokens = deliveries.compactMap { delivery in
            delivery.observation?.tell(state)
            return delivery.pending
        }
        shared.tellDomain(shared.incoming.settle(tokens, state))
    }

    /// Lets the peer send so many messages more, besides the window.
    /// - Throws: `ProtonError.Code.invalidArgument` for a number that is not above zero.
    public func grant(_ credit: Int) throws(ProtonError) {
        guard credit > 0 else {
            throw ProtonError(.invalidArgument, "grant: \(credit) is no credit: it must be more than zero.")
        }
        shared.link.open()
        shared.tellDomain(shared.incoming.grant(credit))
    }

    /// Changes the window; messages that are on their way still come.
    public func setWindow(_ window: Int) {
        shared.tellDomain(shared.incoming.setWindow(Swift.max(0, window)))
    }

    /// Has the peer send what it has at once, and give back the credit that it does not use; returns when it has.
    ///
    /// What has come is then there, without a wait. The window counts again afterwards.
    /// - Throws: as `attach`.
    public func drain() async throws {
        try await attach()
        try await shared.incoming.waitForDrain { [shared] in
            shared.link.post { link in try? (link as? Receiver)?.drain() }
        }
    }

    /// Closes the link, and waits until the peer has done so, for `ConnectionLimits.closeTimeout` at most: what was settled goes out first, the rest goes back.
    public func close() async {
        await shared.link.close()
    }
}

/// The messages of an `AMQPReceiver` in batches; made by `AMQPReceiver.batches`.
public struct AMQPBatches: AsyncSequence, Sendable {
    let receiver: AMQPReceiver
    let count: Int
    let time: Duration

    /// The batches, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let batches: AMQPBatches

        /// The next batch, of at least one message; nil as of `AMQPReceiver.next`.
        public mutating func next() async throws -> [AMQPDelivery]? {
            try await batches.receiver.nextBatch(of: batches.count, within: batches.time)
        }
    }

    /// Begins with the next message that comes.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(batches: self) }
}
