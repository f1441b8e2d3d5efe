// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Calls while the connection is lost and being made again: they wait for it, within their time-out.
@Suite(.timeLimit(.minutes(1)))
struct BlockingOutageTests {
    private static func connect(_ address: String, timeout: Duration = .seconds(10)) throws -> BlockingConnection {
        try BlockingConnection(
            address, timeout: timeout,
            options: ConnectionOptions(reconnect: Backoff(initial: .milliseconds(10), max: .milliseconds(50))))
    }

    private static func error(_ body: () throws -> Void) -> ProtonError? {
        #expect(throws: ProtonError.self) { try body() }
    }

    @Test("Links that are made during the outage are attached after it")
    func creating() async throws {
        let isConnected = Step()
        try await withScriptedServer { server in
            let first = try server.accept()
            try first.handshake()
            try isConnected.wait()
            first.close()
            let second = try server.acceptSession()
            try second.attachNext()
            try second.attachNext()
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            isConnected.done()
            #expect(try connection.createSender("a").address == "a")
            #expect(try connection.createReceiver("b").address == "b")
            try connection.close()
        }
    }

    /// How brokers that stop end their connections; RabbitMQ 4 calls it an internal error.
    static let stops: [Condition?] = [
        nil, Condition(.connectionForced, "The broker is shutting down."),
        Condition(.internalError, "Connection forced: \"Broker forced connection closure with reason 'shutdown'\""),
    ]

    @Test("A message that waits for credit is sent on the new connection, however the old one ended", arguments: stops)
    func sending(stop: Condition?) async throws {
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try first.attachNext()
            if let stop { try first.send(.close(error: stop)) }
            first.close()
            let second = try server.acceptSession()
            try second.attachNext(credit: 1)
            try second.send(.disposition(.accepted, second.expect(.transfer).deliveryID))
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            let sender = try connection.createSender("a")
            #expect(try sender.send(Message(body: "x")) == .accepted)
            try connection.close()
        }
    }

    @Test("A message whose outcome has not come is in doubt, and not sent again")
    func inDoubt() async throws {
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try first.attachNext(credit: 1)
            try first.expect(.transfer)
            first.close()
            let second = try server.acceptSession()
            try second.attachNext(credit: 1)
            let transfer = try second.expect(.transfer)
            #expect(try transfer.message().body.value == "second")
            try second.send(.disposition(.accepted, transfer.deliveryID))
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            let sender = try connection.createSender("a")
            let error = Self.error { try sender.send(Message(body: "first")) }
            #expect(error?.code == .inDoubt)
            #expect((error?.underlyingError as? ProtonError)?.code == .disconnected)
            #expect(try sender.send(Message(body: "second")) == .accepted)
            try connection.close()
        }
    }

    @Test("A call to receive waits over the outage, with its credit; what it had before is settled without effect")
    func receiving() async throws {
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            let attach = try first.attachNext()
            try first.expect(.flow)
            try first.send(.transfer(0, Message(body: "first"), handle: attach.handle))
            // A second one is asked for when the first is received.
            try first.expect(.flow, ["link-credit": 1])
            first.close()
            let second = try server.acceptSession()
            let again = try second.attachNext()
            try second.expect(.flow, ["link-credit": 1])
            try second.send(.transfer(0, Message(body: "first"), handle: again.handle))
            // Not for the delivery of the old connection, which had the same number.
            try second.expect(.disposition, ["state": .state(.released)], skipping: .flow)
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            let receiver = try connection.createReceiver("a")
            #expect(try receiver.receive().body.value == "first")
            #expect(try receiver.receive().body.value == "first")
            try receiver.accept()
            try receiver.release(delivered: false)
            try connection.close()
        }
    }

    @Test("A call that waits for longer than its time-out ends with it", arguments: ["create", "send", "receive"])
    func timesOut(call: String) async throws {
        let ended = Step()
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            if call != "create" { try first.attachNext() }
            first.close()
            // The next connection is not served.
            try ended.wait()
        } client: { address in
            defer { ended.done() }
            let connection = try Self.connect(address, timeout: .seconds(3))
            let error = Self.error {
                switch call {
                case "send": try connection.createSender("a").send(Message(body: "x"))
                case "receive": _ = try connection.createReceiver("a").receive()
                default: _ = try connection.createReceiver("a")
                }
            }
            #expect(error?.code == .timedOut)
        }
    }

    // MARK: What comes back

    @Test("A link that is refused on the new connection ends with the reason")
    func refusedAfterwards() async throws {
        let isAttached = Step()
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try first.attachNext()
            try isAttached.wait()
            first.close()
            let second = try server.acceptSession()
            let attach = try second.expect(.attach)
            var answer = Frame.attach(answering: attach)
            answer["target"] = .null
            try second.send(answer, .detach(handle: attach.handle, error: Condition(.notFound, "no such queue")))
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            let sender = try connection.createSender("a")
            isAttached.done()
            let error = Self.error { try sender.send(Message(body: "x")) }
            #expect(error?.code == .linkError)
            #expect(error?.condition?.name == .notFound)
            try connection.close()
        }
    }

    @Test("Nothing is sent to another node than the one that was asked for")
    func otherNodeAfterwards() async throws {
        let isAttached = Step()
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try first.attachNext()
            try isAttached.wait()
            first.close()
            let second = try server.acceptSession()
            var answer = Frame.attach(answering: try second.expect(.attach))
            answer["target"] = .target("b")
            try second.send(answer, .flow(credit: 1, handle: answer.handle))
            try second.expect(.detach)
            try second.send(.detach(handle: answer.handle))
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            let sender = try connection.createSender("a")
            isAttached.done()
            let error = Self.error { try sender.send(Message(body: "x")) }
            #expect(error?.code == .linkError)
            // Whether the message waited then, or came later.
            #expect(
                error?.message.hasPrefix("sender to a: the peer attached \"b\" instead, and gave no reason.") == true)
            try connection.close()
        }
    }

    @Test("A link that is closed during the outage ends with it")
    func closing() async throws {
        let outage = Step()
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try first.attachNext()
            try first.attachNext()
            try outage.wait()
            first.close()
            let second = try server.acceptSession()
            // The peer may see the link once more, and answers what it sees.
            while true {
                let frame = try second.receive()
                switch frame.kind {
                case .attach: try second.send(.attach(answering: frame))
                case .detach: try second.send(.detach(handle: frame.handle))
                case .close: return try second.send(.close())
                default: break
                }
            }
        } client: { address in
            let connection = try Self.connect(address)
            let (sender, receiver) = (try connection.createSender("a"), try connection.createReceiver("b"))
            outage.done()
            try sender.close()
            try receiver.close()
            try connection.close()
        }
    }

    // MARK: Requests

    @Test("A request that is made during the outage has its response come to the new node")
    func requestDuringOutage() async throws {
        let outage = Step()
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try Self.attachBoth(first, "one", credit: 0)
            try outage.wait()
            first.close()
            let second = try server.acceptSession()
            let receiver = try Self.attachBoth(second, "two")
            let request = try second.expect(.transfer, skipping: .flow)
            let message = try request.message()
            #expect(message.replyTo == "two")
            try second.send(.disposition(.accepted, request.deliveryID))
            try second.send(
                .transfer(0, Message(body: "response", correlationID: message.correlationID), handle: receiver))
            try second.answerClose()
        } client: { address in
            let connection = try Self.connect(address)
            let client = try SyncRequestResponse(connection, "a")
            outage.done()
            #expect(try client.call(Message(body: "request")).body.value == "response")
            try connection.close()
        }
    }

    @Test("A response that went with the connection is not waited for")
    func responseLost() async throws {
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try Self.attachBoth(first, "one")
            let request = try first.expect(.transfer, skipping: .flow)
            try first.send(.disposition(.accepted, request.deliveryID))
            first.close()
        } client: { address in
            let connection = try Self.connect(address, timeout: .seconds(30))
            let client = try SyncRequestResponse(connection, "a")
            #expect(Self.error { _ = try client.call(Message(body: "request")) }?.code == .inDoubt)
            try connection.close()
        }
    }

    /// Attaches the sender and the dynamic receiver of a client.
    /// - Returns: the receiver's handle.
    @discardableResult
    private static func attachBoth(_ peer: ScriptedPeer, _ address: String, credit: UInt32 = 10) throws -> UInt32 {
        try peer.attachNext(credit: credit)
        return try peer.attachNext(node: address).handle
    }
}
