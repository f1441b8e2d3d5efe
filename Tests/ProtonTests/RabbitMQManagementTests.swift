// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// The requests of `RabbitMQManagement`, and what it makes of answers; `make interop` tries them with RabbitMQ itself.
@Suite(.timeLimit(.minutes(1)))
struct RabbitMQManagementTests {
    private static let queue: AMQPValue = [
        "name": "a b", "type": "quorum", "message_count": 3, "consumer_count": 1, "durable": true,
    ]

    @Test("Each call makes one request, with names percent-encoded")
    func requests() async throws {
        let log = SharedLog()
        try await withManagement(
            log,
            answers: [
                "PUT /queues/a%20b": ("201", Self.queue), "GET /queues/a%20b": ("200", Self.queue),
                "DELETE /queues/a%20b": ("200", ["message_count": 3]),
                "DELETE /queues/a%20b/messages": ("200", ["message_count": 2]),
                "PUT /exchanges/x%2Fy": ("204", .null), "DELETE /exchanges/x%2Fy": ("204", .null),
                "POST /bindings": ("204", .null),
            ]
        ) { management in
            let queue = try management.declareQueue("a b", arguments: ["x-max-length": 10])
            #expect(queue.name == "a b" && queue.type == .quorum && queue.messageCount == 3 && queue.consumerCount == 1)
            #expect(queue.properties[.string("durable")] == true)
            #expect(try management.queue("a b") == queue)
            #expect(try management.purgeQueue("a b") == 2)
            #expect(try management.deleteQueue("a b") == 3)
            try management.declareExchange("x/y", type: "fanout", isInternal: true)
            try management.bind(.queue("a b"), to: "x/y", key: "k")
            try management.bind(.exchange("z"), to: "x/y")
            try management.deleteExchange("x/y")
            try management.close()
        }
        #expect(
            log.lines == [
                "paired to /management", "paired from /management",
                "PUT /queues/a%20b {'durable': True, 'exclusive': False, 'auto_delete': False, "
                    + "'arguments': {'x-max-length': 10, 'x-queue-type': 'quorum'}}",
                "GET /queues/a%20b None", "DELETE /queues/a%20b/messages None", "DELETE /queues/a%20b None",
                "PUT /exchanges/x%2Fy {'type': 'fanout', 'durable': True, 'auto_delete': False, 'internal': True, "
                    + "'arguments': {}}",
                "POST /bindings {'source': 'x/y', 'destination_queue': 'a b', 'binding_key': 'k', 'arguments': {}}",
                "POST /bindings {'source': 'x/y', 'destination_exchange': 'z', 'binding_key': '', 'arguments': {}}",
                "DELETE /exchanges/x%2Fy None",
            ])
    }

    @Test("A binding is ended at the place that the broker says it has, if its arguments are those")
    func unbinding() async throws {
        let log = SharedLog()
        try await withManagement(
            log,
            answers: [
                "GET /bindings?src=x%3D&dstq=q%26&key=k": (
                    "200",
                    [
                        ["arguments": ["a": 1], "location": "/bindings/one"],
                        ["arguments": [:], "location": "/bindings/other"],
                    ]
                ),
                "DELETE /bindings/one": ("204", .null),
            ]
        ) { management in
            try management.unbind(.queue("q&"), from: "x=", key: "k", arguments: ["a": 1])
        }
        #expect(log.lines.last == "DELETE /bindings/one None" && log.lines.count == 4)
    }

    @Test("A request that is refused throws the status and the broker's words; the next one is made")
    func refusals() async throws {
        try await withManagement(
            SharedLog(),
            answers: [
                "PUT /queues/q": ("409", "inequivalent arg"), "GET /queues/q": ("200", "no map"),
                "DELETE /queues/q": ("200", ["message_count": 0]),
            ]
        ) { management in
            let refused = #expect(throws: RabbitMQError.self) { try management.declareQueue("q") }
            #expect(refused == RabbitMQError(status: 409, request: "PUT /queues/q", explanation: "inequivalent arg"))
            let unexpected = #expect(throws: RabbitMQError.self) { try management.queue("q") }
            #expect(unexpected?.status == 200)
            let missing = #expect(throws: RabbitMQError.self) { try management.deleteExchange("x") }
            #expect(missing?.status == 404)
            let count = try management.deleteQueue("q")
            #expect(count == 0)
        }
    }

    @Test("A request that is not answered times out, and its late answer is not taken for the next one's")
    func lateAnswer() async throws {
        let answers = ["DELETE /queues/b": ("200", ["message_count": 7] as AMQPValue)]
        try await withManagement(SharedLog(), timeout: .seconds(3), answers: answers, late: "DELETE /queues/a") {
            management in
            let error = #expect(throws: ProtonError.self) { try management.deleteQueue("a") }
            #expect(error?.code == .timedOut)
            let count = try management.deleteQueue("b")
            #expect(count == 7)
        }
    }

    /// Runs a body with a management node that gives these answers, or the status 404.
    /// - Parameter late: the request that is answered together with the next one only.
    private func withManagement(
        _ log: SharedLog, timeout: Duration = .seconds(10), answers: [String: (String, AMQPValue)],
        late: String? = nil, _ body: @escaping @Sendable (RabbitMQManagement) throws -> Void
    ) async throws {
        try await onThread {
            let server = try BlockingServer { ManagementNode(log, answers, late) }
            let connection = try BlockingConnection(server.url, timeout: timeout)
            try body(try RabbitMQManagement(connection))
            try connection.close()
            try server.stop()
        }
    }
}

/// A node that answers as RabbitMQ's management does.
private final class ManagementNode: MessagingHandler {
    private let log: SharedLog
    private let answers: [String: (String, AMQPValue)]
    private let late: String?
    private var waiting: [Message] = []
    private var sender: Sender?

    init(_ log: SharedLog, _ answers: [String: (String, AMQPValue)], _ late: String?) {
        (self.log, self.answers, self.late) = (log, answers, late)
    }

    func onLinkOpening(_ event: LinkEvent) {
        let isPaired = event.link.remoteProperties[.symbol("paired")] == true
        let (source, target) = (event.link.remoteSource.address, event.link.remoteTarget.address)
        guard isPaired, event.link.remoteSenderSettleMode == .settled, source == target else { return }
        log.note("paired \(event.sender == nil ? "to \(target ?? "")" : "from \(source ?? "")")")
        if let sender = event.sender { self.sender = sender }
    }

    func onMessage(_ event: MessageEvent) throws {
        let request = event.message
        let line = "\(request.subject ?? "") \(request.address ?? "")"
        log.note("\(line) \(request.body)")
        guard request.replyTo == "$me" else { return }
        let (status, body) = answers[line] ?? ("404", "nothing is there")
        waiting.append(Message(body: .value(body), subject: status, correlationID: request.id))
        guard line != late else { return }
        for answer in waiting { try sender?.send(answer) }
        waiting = []
    }

    func onTransportError(_ event: TransportEvent) {}
}
