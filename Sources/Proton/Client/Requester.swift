// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// The requests of an `AMQPConnection` whose responses arrive at one node: a dynamic node of the peer, or the program's queue.
final class Requester: Sendable {
    private let responses: Responses
    private let link: ClientLink
    private let container: ContainerHandle

    /// - Parameter address: the address that responses arrive at; nil has the peer create a node.
    init(_ core: ClientConnection, _ container: ContainerHandle, _ address: String?) {
        responses = Responses(outlivesConnection: address != nil)
        let title = address.map { "receiver of responses from \($0)" } ?? "receiver of responses"
        link = ClientLink(core, title, responses, as: .receiver, address) { connection, handler in
            try connection.container.createReceiver(
                core.session(on: connection), address, isDynamic: address == nil, handler: handler,
                // A response cannot be sent again when its node is lost: to settle it would have no use.
                options: LinkOption(address == nil ? [.atMostOnce] : []))
        }
        self.container = container
    }

    deinit {
        link.beginClosing()
    }

    var hasEnded: Bool { responses.hasEnded }

    /// Sends a request by a sender, and waits for its response.
    func request(
        _ request: Message, by sender: AMQPSender, timeout: Duration
    ) async throws(AMQPSendError) -> Message {
        guard timeout > .zero else {
            throw .notSent(
                ProtonError(.invalidArgument, "request: the time-out is \(timeout): it must be more than zero."))
        }
        let receipt = SendReceipt()
        let id = responses.begin(receipt)
        // The request's outcome matters only if it ends the wait for the response: so one wait is enough for both.
        receipt.observe { [responses] in responses.requestEnded(id, $0) }
        defer { responses.forget(id) }
        let timer: TimerTask
        do {
            timer = try container.schedule(after: timeout) { [responses, link, sender] _ in
                let error = ProtonError(.timedOut, "No response has come within \(timeout).")
                sender.expire(receipt, error)
                responses.finish(id, .failure(.inDoubt(error)))
                link.recheck()
            }
        } catch {
            throw .notSent(error)
        }
        defer { timer.cancel() }
        do {
            try await link.waitUntilAttached { receipt.decided != nil }
        } catch {
            throw .notSent(error)
        }
        guard let address = link.address else {
            throw .notSent(
                ProtonError(
                    .timedOut, "The peer has made no node for the responses within \(timeout), and gave no reason."))
        }
        var request = request
        request.replyTo = address
        // Some peers answer with the one, some with the other.
        request.id = .string(id)
        request.correlationID = .string(id)
        try await sender.submit(request, receipt)
        do {
            return try await responses.wait(for: id).get()
        } catch {
            sender.passOnRoom(after: error)
            throw error
        }
    }
}
