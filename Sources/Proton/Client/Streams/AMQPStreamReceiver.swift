// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A receiving link whose messages arrive in pieces, one message at a time; from any task.
///
/// It is created by `AMQPConnection.streams`. The peer sends the next message when it is requested, and its bytes as the program
/// takes them: the bytes that wait here are limited, and the others wait at the peer (AMQP 1.0, 2.5.6). A call of `next` returns
/// the previous message to the peer if it is not settled; its remaining bytes still arrive, and are dropped. A receiver that is
/// deinitialized is closed.
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

    /// Creates the receiver of a link on which the peer sends, and which the program has accepted.
    init(_ connection: AMQPConnection, _ answer: IncomingLink.Answer, buffer: Int) {
        let incoming = IncomingStream(buffer: buffer, title: answer.title)
        link = ClientLink(answer, incoming)
        (self.incoming, self.connection) = (incoming, connection)
    }

    deinit {
        link.beginClosing()
    }

    /// The address of the node, from the peer's attach; nil before the link is attached.
    public var address: String? { link.address }

    /// Attaches the link now, rather than when the first message is asked for.
    /// - Throws: as `AMQPReceiver.attach`.
    public func attach() async throws { try await link.waitUntilAttached() }

    /// Requests the next message, and waits until its body begins.
    /// - Returns: nil when the receiver is closed here, or the task is cancelled.
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

    /// Creates an iterator that begins with the next message that arrives.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: self) }

    /// Takes no more messages, as `AMQPReceiver.finish`: `next` and the loops end after the message that is being received.
    public func finish() { link.finish() }

    /// Closes the link, and waits until the peer has closed it too, for `ConnectionLimits.closeTimeout` at most.
    public func close() async { await link.close() }
}

/// A message whose body arrives in pieces, until the next message is requested; from any task.
public struct AMQPStreamDelivery: Sendable {
    /// The sections before the body; the whole message, if its body is not data.
    public let message: Message
    private let number: UInt64
    private let incoming: IncomingStream
    private let receiver: AMQPStreamReceiver
    /// Reports the settlement to instruments; nil if there are none.
    private let observation: DeliveryObservation?

    init(
        _ message: Message, _ number: UInt64, _ incoming: IncomingStream, _ receiver: AMQPStreamReceiver,
        _ observation: DeliveryObservation?
    ) {
        (self.message, self.number, self.incoming, self.receiver) = (message, number, incoming, receiver)
        self.observation = observation
    }

    /// The bytes of the body's data sections, as they arrive; empty if the body is not data.
    public var body: Body { Body(delivery: self) }

    /// The bytes of a body, piece by piece; each piece is returned once.
    public struct Body: AsyncSequence, Sendable {
        fileprivate let delivery: AMQPStreamDelivery

        /// The pieces, one by one.
        public struct AsyncIterator: AsyncIteratorProtocol {
            fileprivate let delivery: AMQPStreamDelivery

            /// The next piece, of at least one byte; nil at the end of the message.
            /// - Throws: `ProtonError`: `.closed` if the sender has aborted the message, or it was settled before, or the next
            ///   one was requested; `.protocolViolation` if it is not valid AMQP; the error that ended the link or interrupted
            ///   the connection: the peer then sends the message again from its beginning. `CancellationError`.
            public mutating func next() async throws -> [UInt8]? {
                switch await delivery.incoming.nextPiece(of: delivery.number, on: delivery.receiver.link) {
                case .piece(let bytes): return bytes
                case .failed(let error): throw error
                case .end, .message: return nil
                case nil: throw CancellationError()
                }
            }
        }

        /// Creates an iterator that begins with the next piece.
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(delivery: delivery) }
    }

    /// Accepts the message; its remaining bytes still arrive, and are dropped.
    public func accept() { settle(.accepted) }

    /// Rejects the message: it is invalid, and must not be delivered again.
    /// - Parameter condition: the reason, for the sender.
    public func reject(_ condition: Condition? = nil) { settle(.rejected(condition)) }

    /// Releases the message, to be delivered again; as `AMQPDelivery.release`.
    public func release(delivered: Bool = false) {
        settle(delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    /// Settles the message with any outcome.
    public func settle(_ state: DeliveryState) {
        observation?.tell(state)
        incoming.settle(number, state, on: receiver.link)
    }

    /// Runs the code that handles the message, as `AMQPDelivery.process`.
    /// - Returns: the result of the body.
    /// - Throws: the error of the body.
    public func process<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await receiver.link.process(message, body)
    }
}
