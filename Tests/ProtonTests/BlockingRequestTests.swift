// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// What the Python binding's tests of `proton.utils` are about, and more on requests and responses.
@Suite(.timeLimit(.minutes(1)))
struct BlockingRequestTests {
    private static let options = ConnectionOptions(
        offeredCapabilities: ["O_one", "O_two", "O_three"], desiredCapabilities: ["D_one", "D_two", "D_three"],
        properties: ["connection": "properties"], reconnect: nil)
    private static let noted = [
        "{'connection': 'properties'}", #"["O_one", "O_two", "O_three"]"#, #"["D_one", "D_two", "D_three"]"#,
    ]

    @Test("Requests are answered, at whatever address they go to")
    func requestResponse() async throws {
        try await onThread {
            let server = try BlockingServer { EchoServer() }
            let client = try SyncRequestResponse(BlockingConnection(server.url, timeout: .seconds(10)))
            for number in 0..<5 {
                let response = try client.call(Message(body: .value("foo\(number)"), address: "x"))
                #expect(response.address == client.replyTo)
                #expect(response.body.value == .string("foo\(number)"))
            }
            let error = #expect(throws: ProtonError.self) { try client.call(Message(body: "nowhere")) }
            #expect(error?.code == .invalidArgument)
            try client.connection.close()
            try server.stop()
        }
    }

    @Test(
        "Properties and capabilities come to the peer, also with a mechanism that is named",
        arguments: [[], ["ANONYMOUS"]])
    func properties(mechanisms: [String]) async throws {
        let log = SharedLog()
        try await onThread {
            let server = try BlockingServer { EchoServer(log) }
            var options = Self.options
            options.allowedMechanisms = mechanisms
            let connection = try BlockingConnection(server.url, timeout: .seconds(10), options: options)
            _ = try SyncRequestResponse(connection)
            try connection.close()
            try server.stop()
        }
        #expect(log.lines == Self.noted)
    }

    @Test("A mechanism that the peer does not have is refused")
    func external() async throws {
        try await onThread {
            let server = try BlockingServer { EchoServer() }
            var options = Self.options
            options.allowedMechanisms = ["EXTERNAL"]
            let error = #expect(throws: ProtonError.self) {
                try BlockingConnection(server.url, timeout: .seconds(10), options: options)
            }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.condition?.name == "amqp:unauthorized-access")
            try server.stop()
        }
    }

    @Test("A call that nobody answers times out, and its late response is not taken for the next one's")
    func lateResponse() async throws {
        try await onThread {
            let server = try BlockingServer { LateEcho() }
            let client = try SyncRequestResponse(BlockingConnection(server.url, timeout: .seconds(10)), "a")
            let error = #expect(throws: ProtonError.self) {
                try client.call(Message(body: "first"), timeout: .seconds(3))
            }
            #expect(error?.code == .timedOut)
            #expect(try client.call(Message(body: "second")).body.value == "second")
            try client.connection.close()
            try server.stop()
        }
    }

    @Test("Calls of several threads are made at once, and each gets its own response")
    func severalThreads() async throws {
        try await onThread {
            let server = try BlockingServer { LateEcho() }
            let client = try SyncRequestResponse(BlockingConnection(server.url, timeout: .seconds(10)), "a")
            let other = Monitor<Message?>(nil)
            let thread = Thread.start {
                // The first is answered when the second has come.
                let response = try? client.call(Message(body: "one"))
                other.withLock { $0 = response }
            }
            #expect(try client.call(Message(body: "two")).body.value == "two")
            thread?.join()
            #expect(other.withLock(\.self)?.body.value == "one")
            try client.connection.close()
            try server.stop()
        }
    }
}

/// Answers a request when the next one has come, and that one at once.
private final class LateEcho: MessagingHandler {
    private var sender: Sender?
    private var held: Message?

    func onLinkOpening(_ event: LinkEvent) {
        guard let sender = event.sender, sender.remoteSource.isDynamic else { return }
        sender.source.address = "dynamic"
        self.sender = sender
    }

    func onMessage(_ event: MessageEvent) throws {
        guard let first = held else {
            held = event.message
            return
        }
        for request in [first, event.message] { waiting.append(request) }
        try answer()
    }

    private var waiting: [Message] = []

    func onSendable(_ event: SenderEvent) throws { try answer() }

    private func answer() throws {
        while let sender, sender.credit > 0, !waiting.isEmpty {
            let request = waiting.removeFirst()
            try sender.send(Message(body: request.body, correlationID: request.correlationID))
        }
    }
}
