// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A receiving link of an `AMQPConnection`: a sequence of messages that never buffers more than its window; from any task.
///
///     for try await delivery in connection.receiver(from: "examples") {
///         print(delivery.message.body)
///         delivery.accept()
///     }
///
/// The peer may send `window` unsettled messages. Credit is renewed when they are settled, so that a program that stops settling
/// stops the peer. The loop ends when the receiver is closed here, or its task is cancelled, and throws any other error that
/// ended the link. Several tasks may iterate: each message goes to one of them.
///
/// A receiver that is deinitialized is closed: messages that it has not handed out are released, and messages that were handed
/// out and not settled are returned with a failed delivery (modified, AMQP 1.0, 3.4.5).
public final class AMQPReceiver: AsyncSequence, Sendable {
    let shared: ReceiverLink
    /// The connection, which the receiver keeps open; nil if the connection keeps the receiver.
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

    /// Creates the receiver of a link on which the peer sends, and which the program has accepted.
    init(_ connection: AMQPConnection, _ answer: IncomingLink.Answer, window: Int) {
        shared = ReceiverLink(answer, connection.container, window: window)
        self.connection = connection
    }

    deinit {
        shared.link.beginClosing()
    }

    /// The address of the node, from the peer's attach; nil before the link is attached.
    public var address: String? { shared.link.address }

    /// Whether the node's messages are moved or copied, from the peer's attach; nil before the link is attached.
    package var distributionMode: Terminus.DistributionMode? { shared.link.distributionMode }

    /// How often the connection was lost while the link was attached: what the peer had sent, and was not handed out, comes again.
    package var interruptionCount: Int { shared.link.interruptionCount }

    /// How many messages have arrived and wait for the program: at most the window.
    public var waitingCount: Int { shared.incoming.waitingCount }

    /// How many unsettled messages the peer may send; 0 leaves credit to `grant`.
    public var window: Int { shared.incoming.window }

    /// Attaches the link now, rather than when the first message is asked for.
    /// - Throws: `ProtonError`: `.linkError` with the peer's condition if it refuses the link; the error that ended the
    ///   connection; `CancellationError`.
    public func attach() async throws {
        try await shared.link.waitUntilAttached()
    }

    // MARK: Receiving

    /// The messages, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let receiver: AMQPReceiver

        init(_ receiver: AMQPReceiver) { self.receiver = receiver }

        /// The next message; nil when the receiver is closed here, or the task is cancelled.
        /// - Throws: as `AMQPReceiver.next`.
        public mutating func next() async throws -> AMQPDelivery? { try await receiver.next() }
    }

    /// Creates an iterator that begins with the next message that arrives.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// Takes the next message, and waits for one if none is pending.
    /// - Returns: nil when the receiver is closed here, or the task is cancelled.
    /// - Throws: `ProtonError`: `.linkError` if the peer has closed or detached the link; the error that ended the connection;
    ///   `.protocolViolation` for a message that is not valid AMQP, and was rejected: the next call continues.
    public func next() async throws -> AMQPDelivery? {
        if Task.isCancelled { return nil }
        if let (arrival, tellsDomain) = shared.incoming.takeOne() {
            // After decoding: the peer then learns that a message is rejected before it sends another one.
            defer { shared.tellDomain(tellsDomain) }
            return try delivery(arrival)
        }
        return try await shared.next(most: 1, least: 1, within: nil)?.first.map(delivery)
    }

    /// Takes the next message, and waits for a limited time if none is pending.
    /// - Returns: nil if no message arrived in time, the receiver is closed here, or the task is cancelled.
    /// - Throws: as `next()`.
    public func next(within time: Duration) async throws -> AMQPDelivery? {
        try await shared.next(most: 1, least: 1, within: time)?.first.map(delivery)
    }

    private func delivery(_ arrival: Incoming.Arrival) throws(ProtonError) -> AMQPDelivery {
        let (message, token) = (try shared.message(arrival), arrival.token)
        return AMQPDelivery(message, token, shared, shared.link.observe(received: message, isSettled: token == nil))
    }

    /// The valid messages of a batch. The error of an invalid one is thrown by the next call, unless the batch has no valid
    /// message.
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
    ///   - time: how long to wait, after the first message of a batch, until it is full or, if that is less, has half the window;
    ///     zero, the default, takes the pending messages.
    public func batches(of count: Int, within time: Duration = .zero) -> AMQPBatches {
        AMQPBatches(receiver: self, count: Swift.max(1, count), time: time)
    }

    func nextBatch(of count: Int, within time: Duration) async throws -> [AMQPDelivery]? {
        guard var arrivals = try await shared.next(most: count, least: 1, within: nil) else { return nil }
        if time > .zero, arrivals.count < count {
            // Messages that the program holds count in the window too: only the rest of the window arrives before they are
            // settled.
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

    /// Settles several messages with one outcome.
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

    /// Gives the peer additional credit, besides the window.
    /// - Throws: `ProtonError.Code.invalidArgument` if the number is not above zero.
    public func grant(_ credit: Int) throws(ProtonError) {
        guard credit > 0 else {
            throw ProtonError(.invalidArgument, "grant: \(credit) is no credit: it must be more than zero.")
        }
        shared.link.open()
        shared.tellDomain(shared.incoming.grant(credit))
    }

    /// Changes the window; messages that are already sent still arrive.
    public func setWindow(_ window: Int) {
        shared.tellDomain(shared.incoming.setWindow(Swift.max(0, window)))
    }

    /// Asks the peer to send its pending messages and to return the unused credit, and waits until it has (AMQP 1.0, 2.6.7:
    /// drain).
    ///
    /// The messages that arrived can then be taken without a wait. The window applies again afterwards.
    /// - Throws: as `attach`.
    public func drain() async throws {
        try await attach()
        try await shared.incoming.waitForDrain { [shared] in
            shared.link.post { link in try? (link as? Receiver)?.drain() }
        }
    }

    /// Closes the link, and waits until the peer has closed it too, for `ConnectionLimits.closeTimeout` at most.
    ///
    /// Settlements are sent first, and unsettled messages return to the peer.
    public func close() async {
        await shared.link.close()
    }
}

/// The messages of an `AMQPReceiver` in batches; created by `AMQPReceiver.batches`.
public struct AMQPBatches: AsyncSequence, Sendable {
    let receiver: AMQPReceiver
    let count: Int
    let time: Duration

    /// The batches, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let batches: AMQPBatches

        /// The next batch, of at least one message; nil as in `AMQPReceiver.next`.
        public mutating func next() async throws -> [AMQPDelivery]? {
            try await batches.receiver.nextBatch(of: batches.count, within: batches.time)
        }
    }

    /// Creates an iterator that begins with the next message that arrives.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(batches: self) }
}
