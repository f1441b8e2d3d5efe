// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// Sends requests and takes the responses, for the tasks of an HTTP server.
///
/// `@unchecked Sendable`: everything but `workQueue` is used in the connection's domain only.
final class Client: MessagingHandler, @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Request {
        let body: String
        let response: CheckedContinuation<String, any Error>
    }

    private let host: String
    private let address: String
    private let workQueue = Mutex<WorkQueue?>(nil)
    private var sender: Sender?
    private var replyAddress: String?
    /// What waits for credit.
    private var pending: [Request] = []
    /// What waits for its response: they come in the order of the requests.
    private var sent: [Request] = []

    /// Where the peer closes there is nothing to wait for: an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ host: String, _ address: String) {
        self.host = host
        self.address = address
    }

    /// Sends a request, and waits for its response; from any task.
    func request(_ body: String) async throws -> String {
        guard let queue = workQueue.withLock(\.self) else { throw Failure(description: "not connected yet") }
        return try await withCheckedThrowingContinuation { response in
            let isTaken = queue.add { _ in
                self.pending.append(Request(body: body, response: response))
                try self.sendPending()
            }
            if !isTaken { response.resume(throwing: Failure(description: "the connection is closed")) }
        }
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(host)
        sender = try event.container.createSender(connection, address)
        try event.container.createReceiver(connection, isDynamic: true)
        workQueue.withLock { $0 = connection.workQueue }
    }

    func onLinkOpened(_ event: LinkEvent) throws {
        guard let receiver = event.receiver else { return }
        replyAddress = receiver.remoteSource.address
        try sendPending()
    }

    func onSendable(_ event: SenderEvent) throws {
        try sendPending()
    }

    func onMessage(_ event: MessageEvent) throws {
        guard !sent.isEmpty else { return }
        let request = sent.removeFirst()
        print("\(request.body) => \(event.message.body)")
        request.response.resume(returning: "\(event.message.body)")
    }

    func onDisconnected(_ event: TransportEvent) {
        replyAddress = nil
        for request in pending + sent {
            request.response.resume(throwing: Failure(description: "the connection to \(host) was lost"))
        }
        (pending, sent) = ([], [])
    }

    private func sendPending() throws {
        while let sender, let replyAddress, sender.credit > 0, !pending.isEmpty {
            let request = pending.removeFirst()
            try sender.send(Message(body: request.body, replyTo: replyAddress))
            sent.append(request)
        }
    }
}
