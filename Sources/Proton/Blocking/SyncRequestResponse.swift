// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// Sends requests and waits for their responses, which arrive at its own dynamic node.
///
/// It may be used from any thread; calls of several threads run at the same time, and each gets the response to its own request.
public final class SyncRequestResponse: Sendable {
    /// The connection that requests and responses go over.
    public let connection: BlockingConnection
    /// The address that requests are sent to; nil uses the address of each request.
    public let address: String?
    private let sender: BlockingSender
    private let responses = Responses()
    /// The receiver of the responses.
    private let link: ClientLink

    /// Creates the links, and waits until the peer has attached them.
    /// - Parameters:
    ///   - connection: the connection to use; it stays open.
    ///   - address: the address that requests are sent to; nil uses the address of each request, which the peer must be able to
    ///     relay.
    /// - Throws: as `BlockingConnection.createSender` and `createReceiver`.
    public init(_ connection: BlockingConnection, _ address: String? = nil) throws {
        self.connection = connection
        self.address = address
        sender = try connection.createSender(address)
        let title = "receiver from a dynamic node"
        link = ClientLink(connection.core, title, responses, as: .receiver, nil) { connection, handler in
            try connection.container.createReceiver(connection, isDynamic: true, handler: handler)
        }
        try link.attach(until: connection.begin("createReceiver", timeout: connection.timeout))
    }

    /// The address of the node that responses arrive at.
    public var replyTo: String? { link.address }

    /// Sends a request and waits for its response, for at most the connection's time-out.
    /// - Throws: as `call(_:timeout:)`.
    public func call(_ request: Message) throws -> Message {
        try call(request, timeout: connection.timeout)
    }

    /// Sends a request and waits for its response: the first message with the request's correlation id.
    ///
    /// The call sets the request's `replyTo` and `correlationID`. Responses to calls that timed out are ignored.
    /// - Parameters:
    ///   - request: the request.
    ///   - timeout: the time-out of the whole call; nil waits without limit.
    /// - Throws: `ProtonError.Code.invalidArgument` if neither this object nor the request has an address; `.inDoubt` if the
    ///   connection was lost after the request was sent; otherwise as `BlockingSender.send` and `BlockingReceiver.receive`.
    public func call(_ request: Message, timeout: Duration?) throws -> Message {
        guard address != nil || request.address != nil else {
            throw ProtonError(.invalidArgument, "The request has no address, and neither has the SyncRequestResponse.")
        }
        let deadline = try connection.begin("call", timeout: timeout)
        while true {
            let receipt = SendReceipt()
            let id = responses.begin(receipt)
            defer { responses.forget(id) }
            try send(request, id, receipt, until: deadline)
            // After a loss the peer creates another node: a request that was not sent is sent with its address.
            if !responses.isTakenBack(id) { return try response(to: id, until: deadline) }
        }
    }

    /// Sends a request with the current node for responses, unless that node is lost before.
    private func send(_ request: Message, _ id: String, _ receipt: SendReceipt, until deadline: Deadline) throws {
        try sender.waitUntilAttached(until: deadline)
        try link.waitUntilAttached(until: deadline)
        var request = request
        (request.correlationID, request.replyTo) = (MessageID(id), link.address)
        try sender.submit(request, receipt)
        do {
            let outcome = try sender.outcome(of: receipt, until: deadline)
            if let outcome, OutcomeKinds([.rejected, .released]).contains(outcome) { throw SendError(outcome) }
        } catch let error as ProtonError {
            if case .failure(.inDoubt(let cause as ProtonError))? = receipt.decided, cause.code == .inDoubt {
                // It was settled without an outcome: the response decides.
                return
            }
            guard responses.isTakenBack(id) else { throw error }
        }
    }

    /// Waits for the response to a request that was sent.
    private func response(to id: String, until deadline: Deadline) throws -> Message {
        switch responses.wait(for: id, until: deadline) {
        case .success(let response): return response
        case .failure(.inDoubt(let error as ProtonError)) where error.code == .protocolViolation: throw error
        case .failure(let error):
            try link.check()
            throw ProtonError(
                .inDoubt, "\(link.title): the connection was lost before a message had come.", underlyingError: error)
        case nil: throw ProtonError(.timedOut, "\(link.title): no message has come in time.")
        }
    }
}
