// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A link whose messages come in pieces, one message after the other: made by `AMQPConnection.streams`; from any task.
///
/// The peer sends the next message when it is asked for, and its bytes as the program takes them: what waits here is bounded, and
/// what does not fit waits at the peer (AMQP 1.0, 2.5.6). To ask for the next message gives the one before back where it was not settled;
/// what is left of that still comes, and is dropped. A receiver that nobody keeps is closed.
public final class AMQPStreamReceiver: AsyncSequence, Sendable {
    let incoming: IncomingStream
    let link: ClientLink
    /// The connection, which the receiver keeps open.
    private let connection: AMQPConnection

    init(_ connection: AMQPConnection, _ address: String?, buffer: Int, _ option: LinkOption) {
        let title = "streams from \(address ?? "a dynamic node")"
        let incoming = IncomingStream(buffer: buffer, title: title)
        let session = ClientSession(connection.core, capacity: buffer)
        link = ClientLink(connection.core, title, incoming, as: .receiver, address) { connection, handler in
            try connection.container.createReceiver(
                session.session(on: connection), address, isDynamic: address == nil, handler: handler, options: option)
        }
        (self.incoming, self.connection) = (incoming, connection)
    }

    /// A link that the peer sends on, and the program has accepted.
    init(_ connection: AMQPConnection, _ answer: IncomingLink.Answer, buffer: Int) {
        let incoming = IncomingStream(buffer: buffer, title: answer.title)
        link = ClientLink(answer, incoming)
        (self.incoming, self.connection) = (incoming, connection)
    }

    deinit {
        link.beginClosing()
    }

    /// The address of the node, as the peer says it is; nil before the link is attached.
    public var address: String? { link.address }

    /// Attaches the link now rather than with the first message that is asked for.
    /// - Throws: as `AMQPReceiver.attach`.
    public func attach() async throws { try await link.waitUntilAttached() }

    /// Asks for the next message, and waits until its body begins.
    /// - Returns: nil once the receiver is closed here, or the task is cancelled.
    /// - Throws: as `AMQPReceiver.next`.
    public func next() async throws -> AMQPStreamDelivery? {
        link.open()
        switch await incoming.next(on: link) {
        case .message(let message, let number):
            let observation = link.observe(received: message, isSettled: false)
            return AMQPStreamDelivery(message, number, incoming, self, observation)
        case .failed(let error) where error.code != .closed: throw error
        case .failed, .piece, .end, nil: return nil
        }
    }

    /// The messages, one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let receiver: AMQPStreamReceiver

        /// The next message; as `AMQPStreamReceiver.next`.
        public mutating func next() async throws -> AMQPStreamDelivery? { try await receiver.next() }
    }

    /// Begins with the next message that comes.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: self) }

    /// Takes no more messages, as `AMQPReceiver.finish`: `next` and the loops end after the message that is on its way.
    public func finish() { link.finish() }

    /// Closes the link, and waits until the peer has done so, for `ConnectionLimits.closeTimeout` at most.
    public func close() async { await link.close() }
}

/// A message whose body comes in pieces, until the next one is asked for; from any task.
public struct AMQPStreamDelivery: Sendable {
    /// What stands before the body; the whole message, where its body is no data.
    public let message: Message
    private let number: UInt64
    private let incoming: IncomingStream
    private let receiver: AMQPStreamReceiver
    /// Tells instruments of the settlement; nil where there are none.
    private let observation: DeliveryObservation?

    init(
        _ message: Message, _ number: UInt64, _ incoming: IncomingStream, _ receiver: AMQPStreamReceiver,
        _ observation: DeliveryObservation?
    ) {
        (self.message, self.number, self.incoming, self.receiver) = (message, number, incoming, receiver)
        self.observation = observation
    }

    /// The bytes of the body's data sections, as they come; empty where the body is no data.
    public var body: Body { Body(delivery: self) }

    /// The bytes of a body, piece by piece, each once.
    public struct Body: AsyncSequence, Sendable {
        fileprivate let delivery: AMQPStreamDelivery

        /// The pieces, one by one.
        public struct AsyncIterator: AsyncIteratorProtocol {
            fileprivate let delivery: AMQPStreamDelivery

            /// The next piece, of at least one byte; nil at the end of the message.
            /// - Throws: `ProtonError`: `.closed` where the sender has given the message up, or it was settled before, or the next one was
            ///   asked for; `.protocolViolation` for one that is not valid AMQP; what ended the link, or has interrupted the
            ///   connection: the message then comes again from its beginning. `CancellationError`.
            public mutating func next() async throws -> [UInt8]? {
                switch await delivery.incoming.nextPiece(of: delivery.number, on: delivery.receiver.link) {
                case .piece(let bytes): return bytes
                case .failed(let error): throw error
                case .end, .message: return nil
                case nil: throw CancellationError()
                }
            }
        }

        /// Begins with the next piece.
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(delivery: delivery) }
    }

    /// Accepts the message; what has not come of it still comes, and is dropped.
    public func accept() { settle(.accepted) }

    /// Rejects the message: it is invalid, and is not to come again.
    /// - Parameter condition: why, for its sender.
    public func reject(_ condition: Condition? = nil) { settle(.rejected(condition)) }

    /// Gives the message back, to be delivered again; as `AMQPDelivery.release`.
    public func release(delivered: Bool = false) {
        settle(delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    /// Says what becomes of the message.
    public func settle(_ state: DeliveryState) {
        observation?.tell(state)
        incoming.settle(number, state, on: receiver.link)
    }

    /// Runs what the program does with the message, as `AMQPDelivery.process`.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
    public func process<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await receiver.link.process(message, body)
    }
}
