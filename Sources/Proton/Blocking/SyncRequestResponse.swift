public import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// Sends requests and waits for their responses, which come to a dynamic node of its own.
///
/// From any thread; one call at a time is made, others wait for their turn.
public final class SyncRequestResponse: Sendable {
    /// The connection that requests and responses go over.
    public let connection: BlockingConnection
    /// Where requests go to; nil leaves that to the address of each.
    public let address: String?
    private let sender: BlockingSender
    private let receiver: BlockingReceiver
    private let isCalling = Monitor(false)
    private static let lastID = Atomic<UInt64>(0)

    /// Makes the links, and waits until the peer has attached them.
    /// - Parameters:
    ///   - connection: what to send over; it stays open.
    ///   - address: where requests go to; nil leaves that to the address of each, which the peer must be able to relay.
    /// - Throws: as `BlockingConnection.createSender` and `createReceiver`.
    public init(_ connection: BlockingConnection, _ address: String? = nil) throws {
        self.connection = connection
        self.address = address
        sender = try connection.createSender(address)
        receiver = try connection.createReceiver(isDynamic: true)
    }

    /// The address of the node that responses come to.
    public var replyTo: String? { receiver.address }

    /// Sends a request and waits for its response, for the connection's time-out at most.
    /// - Throws: as `call(_:timeout:)`.
    public func call(_ request: Message) throws -> Message {
        try call(request, timeout: connection.timeout)
    }

    /// Sends a request and waits for its response: the first message with the request's correlation id.
    ///
    /// The request's `replyTo` and `correlationID` are set here. Responses to calls that timed out are passed over.
    /// - Parameter timeout: how long all of it may take; nil is for ever.
    /// - Throws: `ProtonError.Code.invalidArgument` where nobody says where the request goes to; `.inDoubt` where the
    ///   connection was lost after the request was sent; otherwise as `BlockingSender.send` and `BlockingReceiver.receive`.
    public func call(_ request: Message, timeout: Duration?) throws -> Message {
        guard address != nil || request.address != nil else {
            throw ProtonError(.invalidArgument, "The request has no address, and neither has the SyncRequestResponse.")
        }
        let deadline = try connection.core.begin("call", timeout: timeout)
        let isMyTurn: Void? = isCalling.wait(until: deadline) { isCalling in
            guard !isCalling else { return nil }
            isCalling = true
            return ()
        }
        guard isMyTurn != nil else { throw ProtonError(.timedOut, "Other calls have taken all of the time.") }
        defer { isCalling.withLock { $0 = false } }

        let id = MessageID("\(SyncRequestResponse.lastID.add(1, ordering: .relaxed).newValue)")
        var request = request
        request.correlationID = id
        let losses = try send(&request, until: deadline)
        while true {
            let response = try receiver.receive(until: deadline, losses: losses)
            try receiver.settle(.accepted)
            if response.correlationID == id { return response }
        }
    }

    /// Sends a request, with the node for responses that there is then: after a loss the peer makes another one.
    /// - Returns: how often the connection was lost before.
    private func send(_ request: inout Message, until deadline: Deadline) throws -> Int {
        while true {
            try sender.waitUntilAttached(until: deadline)
            let (node, losses) = try receiver.waitUntilAttached(until: deadline)
            request.replyTo = node
            switch try sender.send(request, until: deadline, losses: losses) {
            case .outcome(let outcome) where OutcomeKinds([.rejected, .released]).contains(outcome):
                throw SendError(outcome)
            // Where there is no outcome, the response will tell.
            case .outcome, .sentSettled, .noOutcome: return losses
            case .notSent: continue
            }
        }
    }
}
