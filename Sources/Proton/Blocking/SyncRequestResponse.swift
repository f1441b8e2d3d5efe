// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// Sends requests and waits for their responses, which come to a dynamic node of its own.
///
/// From any thread; calls of several threads are made at once, and each gets the response to its own request.
public final class SyncRequestResponse: Sendable {
    /// The connection that requests and responses go over.
    public let connection: BlockingConnection
    /// Where requests go to; nil leaves that to the address of each.
    public let address: String?
    private let sender: BlockingSender
    private let responses = Responses()
    /// The receiver of the responses.
    private let link: ClientLink

    /// Makes the links, and waits until the peer has attached them.
    /// - Parameters:
    ///   - connection: what to send over; it stays open.
    ///   - address: where requests go to; nil leaves that to the address of each, which the peer must be able to relay.
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

    /// The address of the node that responses come to.
    public var replyTo: String? { link.address }

    /// Sends a request and waits for its response, for the connection's time-out at most.
    /// - Throws: as `call(_:timeout:)`.
    public func call(_ request: Message) throws -> Message {
        try call(request, timeout: connection.timeout)
    }

    /// Sends a request and waits for its response: the first message with the request's correlation id.
    ///
    /// The request's `replyTo` and `correlationID` are set here. Responses to calls that timed out are passed over.
    /// - Parameters:
    ///   - request: what is sent.
    ///   - timeout: how long all of it may take; nil is for ever.
    /// - Throws: `ProtonError.Code.invalidArgument` where nobody says where the request goes to; `.inDoubt` where the
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
            // After a loss the peer makes another node: what was not sent goes there.
            if !responses.isTakenBack(id) { return try response(to: id, until: deadline) }
        }
    }

    /// Sends a request, with the node for responses that there is now, unless that is lost before.
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
                // It was settled without an outcome: the response will tell.
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
