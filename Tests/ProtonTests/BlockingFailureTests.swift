// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// Peers that refuse, close, vanish or say nothing: each call ends with an error that tells what happened.
@Suite(.timeLimit(.minutes(1)))
struct BlockingFailureTests {
    private func withServer(
        _ make: @escaping @Sendable (Scripted) -> Void,
        _ body: @escaping @Sendable (BlockingServer) throws -> Void
    ) async throws {
        try await onThread {
            let server = try BlockingServer {
                let handler = Scripted("server", options: HandlerOptions(autoAccepts: false))
                make(handler)
                return handler
            }
            try body(server)
            try? server.stop()
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

    // MARK: Connecting

    @Test("A peer that is not there, or says nothing")
    func connecting() async throws {
        try await onThread {
            let silent = try ScriptedServer()
            let url = silent.address
            let unanswered = Self.error { _ = try BlockingConnection(url, timeout: .milliseconds(100)) }
            #expect(unanswered?.code == .timedOut)
            #expect(unanswered?.message == "\(url) has not opened the connection in time.")
            silent.close()

            let held = try HeldPort()
            let refused = Self.error { _ = try BlockingConnection(held.address, timeout: .seconds(10)) }
            #expect(refused?.code == .connectFailed)
            withExtendedLifetime(held) {}
            #expect(throws: AMQPURLError.self) { try BlockingConnection("amqp://:x:y") }
            #expect(Self.error { _ = try BlockingConnection([String]()) }?.code == .invalidArgument)
        }
    }

    @Test("Tries that fail are told of when the time is over")
    func retrying() async throws {
        try await onThread {
            let held = try HeldPort()
            let options = ConnectionOptions(reconnect: Backoff(initial: .milliseconds(10)))
            let error = Self.error {
                _ = try BlockingConnection(held.address, timeout: .seconds(3), options: options)
            }
            withExtendedLifetime(held) {}
            #expect(error?.code == .timedOut)
            #expect((error?.underlyingError as? ProtonError)?.code == .connectFailed)
        }
    }

    // MARK: Links

    @Test("A link that is refused, with the peer's reason", arguments: [true, false])
    func refused(isSender: Bool) async throws {
        try await withServer { handler in
            handler.on("onLinkOpening") { (event: LinkEvent) in
                event.link.source.kind = .unspecified
                event.link.target.kind = .unspecified
                event.link.open()
                event.link.close(Condition("amqp:not-found", "no such node"))
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let error = Self.error {
                if isSender { _ = try connection.createSender("a") } else { _ = try connection.createReceiver("a") }
            }
            #expect(error?.code == .linkError)
            #expect(error?.condition?.name == "amqp:not-found")
            #expect(error?.message.contains("no such node") == true)
            try connection.close()
        }
    }

    @Test("A peer that attaches another node and gives no reason")
    func otherAddress() async throws {
        try await withServer { handler in
            handler.on("onLinkOpening") { (event: LinkEvent) in event.link.target.address = "b" }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let error = Self.error { _ = try connection.createSender("a") }
            #expect(error?.code == .linkError)
            #expect(error?.message == "sender to a: the peer attached \"b\" instead, and gave no reason.")
            #expect(try connection.createSender("b").address == "b")
            try connection.close()
        }
    }

    @Test("A peer that leaves an attach unanswered")
    func unansweredAttach() async throws {
        try await onThread {
            let server = try BlockingServer { DeafToLinks() }
            let connection = try BlockingConnection(server.url, timeout: .seconds(3))
            let error = Self.error { _ = try connection.createReceiver(isDynamic: true) }
            #expect(error?.code == .timedOut)
            #expect(error?.message == "receiver from a dynamic node: the peer has not attached the link in time.")
            try connection.close()
            try server.stop()
        }
    }

    @Test("A peer that opens and begins, and then says nothing more, whatever it is asked")
    func silentAfterBegin() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            // The begin comes with the attach, when a link is made.
            try peer.send(.begin(answering: peer.expect(.begin)))
            _ = try peer.receiveAll()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(3))
            let calls: [(String, () throws -> Void)] = [
                ("receiver from a dynamic node", { _ = try connection.createReceiver(isDynamic: true) }),
                ("receiver from a", { _ = try connection.createReceiver("a") }),
                ("sender to a", { _ = try connection.createSender("a") }),
                ("sender to no address", { _ = try SyncRequestResponse(connection) }),
            ]
            for (what, call) in calls {
                let error = Self.error(call)
                #expect(error?.code == .timedOut)
                #expect(error?.message == "\(what): the peer has not attached the link in time.")
            }
            #expect(Self.error { try connection.close() }?.code == .timedOut)
        }
    }

    @Test("A peer that closes a link ends the call that waits on it, and no other")
    func linkClosed() async throws {
        try await withServer { handler in
            handler.on("onMessage") { (event: MessageEvent) in
                event.delivery.accept()
                for link in event.connection.links where link.isSender {
                    link.close(Condition("amqp:resource-deleted", "the queue is gone"))
                }
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let sender = try connection.createSender("a")
            let receiver = try connection.createReceiver("a")
            try sender.send(Message(body: "close"))
            for _ in 0..<2 {
                let error = Self.error { _ = try receiver.receive() }
                #expect(error?.code == .linkError)
                #expect(error?.condition?.name == "amqp:resource-deleted")
            }
            try receiver.close()
            try sender.send(Message(body: "close"))
            try connection.close()
        }
    }

    // MARK: The connection

    @Test("A peer that closes the connection ends every call with its reason")
    func connectionClosed() async throws {
        try await withServer { handler in
            handler.on("onMessage") { (event: MessageEvent) in
                event.connection.close(Condition("amqp:internal-error", "out of order"))
            }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let sender = try connection.createSender("a")
            for code in [ProtonError.Code.inDoubt, .connectionError] {
                let error = Self.error { try sender.send(Message(body: "x")) }
                #expect(error?.code == code)
                #expect(error?.condition?.name == "amqp:internal-error")
            }
            #expect(Self.error { _ = try connection.createSender("b") }?.code == .connectionError)
            try connection.close()
        }
    }

    @Test("A peer that vanishes with a send on its way")
    func vanishing() async throws {
        let hasCome = Monitor(false)
        try await withServer { handler in
            handler.on("onMessage") { (_: MessageEvent) in hasCome.withLock { $0 = true } }
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let sender = try connection.createSender("a")
            let thread = Thread.start {
                let isHere: Void? = hasCome.wait(until: Deadline(after: .seconds(10))) { $0 ? () : nil }
                if isHere != nil { try? server.vanish() }
            }
            guard let thread else { throw TestError("No thread can be started.") }
            let error = Self.error { try sender.send(Message(body: "x")) }
            #expect(error?.code == .inDoubt)
            #expect((error?.underlyingError as? ProtonError)?.code == .disconnected)
            thread.join()
            try connection.close()
        }
    }

    @Test("close in one thread ends what another one waits for")
    func closeWhileWaiting() async throws {
        try await withServer { _ in
        } _: { server in
            let connection = try BlockingConnection(server.url, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a")
            let sender = try connection.createSender("a")
            let codes = Monitor<[ProtonError.Code?]>([])
            let threads = [
                Thread.start {
                    let error = Self.error { _ = try receiver.receive(timeout: nil) }
                    codes.withLock { $0.append(error?.code) }
                },
                Thread.start {
                    let error = Self.error { try sender.send(Message(body: "x"), timeout: nil) }
                    codes.withLock { $0.append(error?.code) }
                },
            ].compactMap(\.self)
            try connection.close()
            for thread in threads { thread.join() }
            // The message may have been sent by then, or not.
            let ended = codes.withLock(\.self)
            #expect(ended == [.closed, .closed] || Set(ended) == [.closed, .inDoubt])
        }
    }

    @Test("A peer that does not answer the close")
    func unansweredClose() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            try peer.expect(.close)
            try peer.expectEnd()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(3))
            #expect(Self.error { try connection.close() }?.code == .timedOut)
        }
    }

    // MARK: Staying connected

    @Test("Heartbeats go on between calls")
    func heartbeats() async throws {
        let haveCome = Monitor(false)
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(.open("peer", ["idle-time-out": 100]))
            for _ in 0..<3 { try peer.expect(.empty) }
            haveCome.withLock { $0 = true }
            try peer.expect(.close, skipping: .empty)
            try peer.send(.close())
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let waited: Void? = haveCome.wait(until: Deadline(after: .seconds(10))) { $0 ? () : nil }
            #expect(waited != nil)
            try connection.close()
        }
    }

    @Test("With several URLs the connection is made again, and links with it")
    func reconnecting() async throws {
        try await onThread {
            // Neither port can be taken by another process, also where nobody listens on it.
            let (closed, held) = (try HeldPort(), try HeldPort())
            let log = SharedLog()
            let first = try BlockingServer(port: held.number) { EchoServer(log) }
            let options = ConnectionOptions(reconnect: Backoff(initial: .milliseconds(10), max: .milliseconds(100)))
            let connection = try BlockingConnection(
                [closed.address, first.url], timeout: .seconds(20), options: options)
            let client = try SyncRequestResponse(connection, "a")
            #expect(try client.call(Message(body: "one")).body.value == "one")
            let oldAddress = client.replyTo
            try first.vanish()
            let second = try BlockingServer(port: held.number) { EchoServer(log) }
            // A call that falls into the gap may fail; the next one finds the connection that is made again.
            var answer: Message?
            for _ in 0..<20 where answer == nil || client.replyTo == oldAddress {
                answer = try? client.call(Message(body: "two"), timeout: .seconds(3))
            }
            #expect(answer?.body.value == "two")
            try connection.close()
            try second.stop()
            withExtendedLifetime((closed, held)) {}
        }
    }
}
