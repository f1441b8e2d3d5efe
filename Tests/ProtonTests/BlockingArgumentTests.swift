// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// Arguments that make no sense, and calls where they would wait for themselves.
@Suite(.timeLimit(.minutes(1)))
struct BlockingArgumentTests {
    private static func code(_ body: () throws -> Void) -> ProtonError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ProtonError)?.code
        }
    }

    @Test("Numbers and times below zero, and times of zero where nothing could be done")
    func numbers() async throws {
        try await withBroker { broker in
            let address = broker.address
            try await onThread {
                for timeout in [Duration.zero, .seconds(-1)] {
                    let error = #expect(throws: ProtonError.self) { try BlockingConnection(address, timeout: timeout) }
                    #expect(error?.code == .invalidArgument)
                    #expect(
                        error?.message == "BlockingConnection: the time-out is \(timeout): it must be more than zero.")
                }
                let connection = try BlockingConnection(address, timeout: .seconds(10))
                #expect(Self.code { _ = try connection.createReceiver("a", credit: -1) } == .invalidArgument)
                let (sender, receiver) = (try connection.createSender("a"), try connection.createReceiver("a"))
                for timeout in [Duration.zero, .seconds(-1)] {
                    #expect(Self.code { try sender.send(Message(), timeout: timeout) } == .invalidArgument)
                }
                #expect(Self.code { _ = try receiver.receive(timeout: .seconds(-1)) } == .invalidArgument)
                #expect(Self.code { _ = try receiver.receive(timeout: .zero) } == .timedOut)
                let client = try SyncRequestResponse(connection, "a")
                #expect(Self.code { _ = try client.call(Message(), timeout: .zero) } == .invalidArgument)
                try sender.send(Message(body: "x"))
                #expect(try receiver.receive().body.value == "x")
                try connection.close()
            }
        }
    }

    @Test("A receive with a time-out of zero takes what has come")
    func polling() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send((0..<2).map { try .transfer($0, Message(body: "x"), handle: attach.handle) })
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 2)
            _ = try receiver.receive()
            // Both came in one go, or the second follows.
            var second: Message?
            while second == nil { second = try? receiver.receive(timeout: .zero) }
            try connection.close()
        }
    }

    @Test("Calls in a callback of their own connection throw, since they would wait for themselves")
    func callbacks() async throws {
        try await withBroker { broker in
            let address = broker.address
            try await onThread {
                let connection = try BlockingConnection(address, timeout: .seconds(10))
                let sender = try connection.createSender("a")
                let other = try connection.createReceiver("b")
                let client = try SyncRequestResponse(connection, "c")
                let errors = Monitor<[ProtonError?]?>(nil)
                let handler = CallsBack {
                    let calls: [() throws -> Void] = [
                        { _ = try connection.createSender("d") }, { _ = try connection.createReceiver("d") },
                        { try sender.send(Message()) }, { _ = try other.receive() },
                        { _ = try other.receive(timeout: .zero) }, { _ = try client.call(Message()) },
                        { try sender.close() }, { try other.close() }, { try connection.close() },
                    ]
                    let thrown = calls.map { call -> ProtonError? in
                        do {
                            try call()
                            return nil
                        } catch {
                            return error as? ProtonError
                        }
                    }
                    errors.withLock { $0 = thrown }
                }
                let receiver = try connection.createReceiver("a", handler: handler)
                try sender.send(Message(body: "x"))
                let thrown = errors.wait(until: Deadline(after: .seconds(10))) { $0 }
                #expect(thrown?.count == 9)
                for error in thrown ?? [] {
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.message.contains("was called in a callback of its own connection") == true)
                }
                try receiver.close()
                try connection.close()
            }
        }
    }
}

/// Runs a closure when a message comes.
private final class CallsBack: MessagingHandler, Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func onMessage(_ event: MessageEvent) { body() }
}
