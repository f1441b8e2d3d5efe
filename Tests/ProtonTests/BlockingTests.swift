// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// Calls that wait: what they return, what they throw, and that they end.
@Suite(.timeLimit(.minutes(1)))
struct BlockingTests {
    /// Starts a server that does as a test says, and runs the blocking part of the test on a thread of its own.
    private func withServer(
        _ make: @escaping @Sendable (Scripted) -> Void = { _ in },
        _ body: @escaping @Sendable (BlockingServer) throws -> Void
    ) async throws {
        try await onThread {
            let server = try BlockingServer {
                let handler = Scripted("server", options: HandlerOptions(autoAccepts: false))
                make(handler)
                return handler
            }
            try body(server)
            try server.stop()
        }
    }

    private static func error(_ body: () throws -> Void) -> ProtonError? {
        do {
            try body()
            return nil
        } catch {
            return error as? ProtonError
        }
    }

    // MARK: Sending

    @Test("send returns the outcome, or throws it")
    func outcomes() async throws {
        try await withServer { handler in
            handler.on("onMessage") { (event: MessageEvent) in
                switch event.message.body.value.stringValue {
                case "reject": event.delivery.reject(Condition("test:no", "not this"))
                case "release": event.delivery.release(delivered: false)
                case "modify": event.delivery.release()
                case "settle": event.delivery.settle()
                default: event.delivery.accept()
                }
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let sender = try connection.createSender("a")
            #expect(sender.address == "a")
            #expect(try sender.send(Message(body: "accept")) == .accepted)
            #expect(try sender.send(Message(body: "modify")) == .failed)
            let condition = Condition("test:no", "not this")
            var error = #expect(throws: SendError.self) { try sender.send(Message(body: "reject")) }
            #expect(error?.outcome == .rejected(condition))
            #expect(error?.description == "The message was rejected: test:no: not this")
            // What is settled without an outcome is given back.
            for how in ["release", "settle"] {
                error = #expect(throws: SendError.self) { try sender.send(Message(body: .value(.string(how)))) }
                #expect(error?.outcome == .released)
            }
            #expect(throws: SendError.self) { try sender.send(Message(body: "modify"), errorStates: .modified) }
            #expect(try sender.send(Message(body: "reject"), errorStates: []) == .rejected(condition))
            let settled = try connection.createSender("b", options: .atMostOnce)
            #expect(try settled.send(Message(body: "release")) == nil)
            try sender.close()
            #expect(Self.error { try sender.send(Message(body: "accept")) }?.code == .closed)
            try connection.close()
            try connection.close()
            #expect(Self.error { _ = try connection.createSender("c") }?.code == .closed)
        }
    }

    @Test("Messages sent in one go have their outcomes in order; one of them is thrown once all are known")
    func manyInOneGo() async throws {
        let seen = SharedLog()
        try await withServer { handler in
            handler.on("onMessage") { (event: MessageEvent) in
                seen.note(event.message.body.value.stringValue ?? "")
                let isRefused = event.message.has(.subject, "no")
                if isRefused {
                    event.delivery.reject(Condition("test:no", "not this"))
                } else {
                    event.delivery.accept()
                }
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let sender = try connection.createSender("a")
            let messages = (0..<300).map { Message(body: .init("\($0)"), subject: $0 == 7 ? "no" : nil) }
            let outcomes = try sender.send(contentsOf: messages, errorStates: [])
            #expect(outcomes.count == 300 && outcomes.enumerated().allSatisfy { ($1 == .accepted) == ($0 != 7) })
            #expect(throws: SendError.self) { try sender.send(contentsOf: messages) }
            #expect(seen.lines == (messages + messages).map { $0.body.value.stringValue ?? "" })
            #expect(try sender.send(contentsOf: []).isEmpty)
            #expect(throws: CodecError.self) {
                try sender.send(contentsOf: [Message(body: "x"), Message(body: "x", properties: ["a": [1]])])
            }
            #expect(seen.lines.count == 600)
            try connection.close()
        }
    }

    @Test("A send that takes too long says whether the message was sent")
    func sendTimesOut() async throws {
        try await onThread {
            let stingy = try BlockingServer { Scripted("server", options: HandlerOptions(prefetch: 0)) }
            var connection = try BlockingConnection(stingy.url, timeout: .seconds(10))
            var sender = try connection.createSender("a")
            var error = Self.error { try sender.send(Message(body: "x"), timeout: .milliseconds(50)) }
            #expect(error?.code == .timedOut)
            #expect(error?.message == "sender to a: the peer gave no credit in time; the message was not sent.")
            try connection.close()
            try stingy.stop()

            let silent = try BlockingServer { Scripted("server", options: HandlerOptions(autoAccepts: false)) }
            connection = try BlockingConnection(silent.url, timeout: .seconds(10))
            sender = try connection.createSender("a")
            // Its time may be over before the credit has come.
            repeat {
                error = Self.error { try sender.send(Message(body: "x"), timeout: .milliseconds(50)) }
            } while error?.code == .timedOut
            #expect(error?.code == .inDoubt)
            #expect((error?.underlyingError as? ProtonError)?.code == .timedOut)
            #expect(error?.message.contains("was sent") == true)
            try connection.close()
            try silent.stop()
        }
    }

    // MARK: Receiving

    @Test("Messages come in order, and their outcomes go back in that order")
    func receiving() async throws {
        let log = SharedLog()
        try await withServer { handler in
            handler.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, event.sender.attachedCount.value < 5 {
                    try event.sender.send(Message(body: .value(.long(Int64(event.sender.attachedCount.value)))))
                    event.sender.attachedCount.increment()
                }
            }
            handler.on("onSettled") { (event: DeliveryEvent) in
                let outcome = event.delivery.remoteState?.outcome.map { "\($0)".prefix { $0 != "(" } } ?? "none"
                log.note("\(event.delivery.tag.last ?? 0) \(outcome)")
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 3)
            #expect(try (0..<5).map { _ in try receiver.receive().body.value.intValue } == [0, 1, 2, 3, 4])
            try receiver.accept()
            try receiver.reject()
            try receiver.release()
            try receiver.release(delivered: false)
            try receiver.settle(.accepted)
            #expect(Self.error { try receiver.accept() }?.code == .invalidArgument)
            #expect(Self.error { _ = try receiver.receive(timeout: .milliseconds(20)) }?.code == .timedOut)
            try connection.close()
        }
        // The engine sends outcomes in an order of its own.
        #expect(log.lines.sorted() == ["1 accepted", "2 rejected", "3 modified", "4 released", "5 accepted"])
    }

    @Test("A message that comes after a receive has given up is there for the next", arguments: [0, 1])
    func lateMessage(credit: Int) async throws {
        try await withServer { handler in
            var late: Sender?
            handler.on("onSendable") { (event: SenderEvent) in late = event.sender }
            handler.on("onLinkOpened") { (event: LinkEvent) in
                if event.receiver != nil { try late?.send(Message(body: "late")) }
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: credit)
            #expect(Self.error { _ = try receiver.receive(timeout: .milliseconds(10)) }?.code == .timedOut)
            // Has the server send it.
            try connection.createSender("go").close()
            #expect(try receiver.receive().body.value == "late")
            try receiver.accept()
            try receiver.close()
            #expect(Self.error { _ = try receiver.receive() }?.code == .closed)
            try connection.close()
        }
    }

    // MARK: The connection

    @Test("A connection tells where it goes to: of several URLs the one that is served")
    func url() async throws {
        try await withServer { _ in
        } _: { server in
            let one = try BlockingConnection("user@\(server.url)/path", timeout: .seconds(10))
            #expect(one.url == (try AMQPURL("user@\(server.url)/path")))
            try one.close()
            let several = try BlockingConnection(["127.0.0.1:1", server.url], timeout: .seconds(10))
            #expect(several.url.port == server.port)
            try several.close()
            #expect(several.url.port == server.port)
        }
    }

    // MARK: Handlers

    @Test("A handler on a link is told of its events, and messages are its own")
    func handlers() async throws {
        let log = SharedLog()
        try await withServer { handler in
            handler.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, event.sender.attachedCount.value < 4 {
                    try event.sender.send(Message(body: .value(.long(Int64(event.sender.attachedCount.value)))))
                    event.sender.attachedCount.increment()
                }
            }
            handler.on("onMessage") { (event: MessageEvent) in event.delivery.reject() }
            handler.on("onAccepted") { (event: DeliveryEvent) in
                if event.link.name == "in" { log.note("server: accepted") }
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let sender = try connection.createSender("a", handler: Noting(log), name: "out")
            let count = Monitor(0)
            let noting = Noting(log) { count.withLock { $0 += 1 } }
            let receiver = try connection.createReceiver("a", handler: noting, name: "in")
            // `send` has its outcome although the handler's options settle the message.
            #expect(try sender.send(Message(body: "x"), errorStates: []) == .rejected(nil))
            let all: Void? = count.wait(until: Deadline(after: .seconds(10))) { $0 == 4 ? () : nil }
            #expect(all != nil)
            #expect(Self.error { _ = try receiver.receive() }?.code == .invalidArgument)
            #expect(Self.error { try receiver.accept() }?.code == .invalidArgument)
            try receiver.close()
            try sender.close()
            try connection.close()
        }
        let lines = log.lines
        #expect(lines.filter { $0.hasPrefix("message") } == (0..<4).map { "message \($0)" })
        #expect(lines.count { $0 == "server: accepted" } == 4)
        for line in ["out opened", "in opened", "out rejected", "out closed", "in closed"] {
            #expect(lines.count { $0 == line } == 1, "\(line)")
        }
    }

    @Test("What a handler on a link throws ends the connection")
    func handlerThatThrows() async throws {
        try await withServer { handler in
            handler.on("onSendable") { (event: SenderEvent) in
                if event.sender.unsettledCount == 0 { try event.sender.send(Message(body: "x")) }
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let error = Self.error {
                let throwing = Noting(SharedLog()) { throw TestError("enough") }
                _ = try connection.createReceiver("a", handler: throwing)
                // Which call meets the end depends on when the message comes.
                while true { _ = try connection.createSender("b") }
            }
            #expect(error?.underlyingError as? TestError == TestError("enough"))
            try connection.close()
        }
    }

    @Test("Many threads use one connection")
    func threads() async throws {
        try await onThread {
            let server = try BlockingServer { EchoServer() }
            let connection = try BlockingConnection(server.url, timeout: .seconds(20))
            let client = try SyncRequestResponse(connection, "a")
            let sender = try connection.createSender("b")
            let done = Monitor(0)
            for number in 0..<6 {
                let thread = Thread.start {
                    for count in 0..<20 {
                        let body = Message.Body.value("\(number)-\(count)")
                        let isMine = (try? client.call(Message(body: body)))?.body == body
                        let isAccepted = (try? sender.send(Message(body: body))) == .accepted
                        if isMine, isAccepted { done.withLock { $0 += 1 } }
                    }
                }
                guard let thread else { throw TestError("No thread can be started.") }
                thread.detach()
            }
            let all: Bool? = done.wait(until: Deadline(after: .seconds(30))) { $0 == 120 ? true : nil }
            #expect(all == true)
            try connection.close()
            try server.stop()
        }
    }
}

/// Notes what it is told of its link.
private final class Noting: MessagingHandler, Sendable {
    private let log: SharedLog
    private let message: @Sendable () throws -> Void

    init(_ log: SharedLog, _ message: @escaping @Sendable () throws -> Void = {}) {
        (self.log, self.message) = (log, message)
    }

    func onLinkOpened(_ event: LinkEvent) { log.note("\(event.link.name) opened") }
    func onLinkClosed(_ event: LinkEvent) { log.note("\(event.link.name) closed") }
    func onRejected(_ event: DeliveryEvent) { log.note("\(event.link.name) rejected") }
    func onMessage(_ event: MessageEvent) throws {
        log.note("message \(event.message.body.value.intValue ?? -1)")
        try message()
    }
}
