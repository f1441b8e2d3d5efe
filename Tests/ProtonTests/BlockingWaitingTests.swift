// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// How calls wait, what they ask the peer for meanwhile, and what they leave.
@Suite(.timeLimit(.minutes(1)))
struct BlockingWaitingTests {
    private static func error(_ body: () throws -> Void) -> ProtonError? {
        #expect(throws: ProtonError.self) { try body() }
    }

    // MARK: Threads that wait

    @Test("A thread that waits has what is there, what comes, or nothing when the time is over")
    func waiting() async throws {
        try await onThread {
            let ready = waitBlocking(1, until: Deadline(after: .zero)) { _ in
                .ready(1)
            } onTimeout: {
                true
            }
            #expect(ready == 1)

            let comes: Int? = waitBlocking(1, until: Deadline(after: nil)) { waiter in
                guard let thread = Thread.start({ waiter.resume(2) }) else { return .ready(0) }
                thread.detach()
                return .kept
            } onTimeout: {
                true
            }
            #expect(comes == 2)

            let none: Int? = waitBlocking(1, until: Deadline(after: .zero)) { _ in
                .kept
            } onTimeout: {
                true
            }
            #expect(none == nil)
        }
    }

    @Test("A thread whose time is over waits for who has taken its waiter out")
    func isBeingResumed() async throws {
        try await onThread {
            let kept = Monitor<Waiter<Int>?>(nil)
            let value: Int? = waitBlocking(1, until: Deadline(after: .zero)) { waiter in
                kept.withLock { $0 = waiter }
                return .kept
            } onTimeout: {
                Thread.start { kept.withLock(\.self)?.resume(3) }?.detach()
                return false
            }
            #expect(value == 3)
        }
    }

    // MARK: Credit

    @Test("Each call that asks for a message of a receiver without credit gives some, however short it is")
    func polling() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 1])
            try peer.send(.transfer(0, Message(body: "x"), handle: attach.handle))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 0)
            var message: Message?
            while message == nil { message = try? receiver.receive(timeout: .zero) }
            try connection.close()
        }
    }

    @Test("Each of several threads that wait for a message has credit for one")
    func severalThreads() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            while try peer.expect(.flow)["link-credit"].intValue != 3 {}
            try peer.send((0..<3).map { try .transfer($0, Message(body: "x"), handle: attach.handle) })
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 1)
            let received = Monitor(0)
            let threads = (0..<3).compactMap { _ in
                Thread.start {
                    if (try? receiver.receive()) != nil { received.withLock { $0 += 1 } }
                }
            }
            for thread in threads { thread.join() }
            #expect(received.withLock(\.self) == 3)
            try connection.close()
        }
    }

    @Test("A message that is aborted gives its credit back", arguments: [0, 1])
    func aborted(credit: Int) async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 1])
            try peer.abortTransfer(0, handle: attach.handle)
            try peer.expect(.flow, ["link-credit": 1])
            try peer.send(.transfer(1, Message(body: "x"), handle: attach.handle))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: credit)
            #expect(try receiver.receive().body.value == "x")
            try connection.close()
        }
    }

    @Test("Credit that goes up to a window, and what is given for those who wait")
    func credit() {
        #expect(Incoming.grant(upTo: 1, asked: 0, expected: 0) == 1)
        #expect(Incoming.grant(upTo: 1, asked: 1, expected: 1) == 0)
        #expect(Incoming.grant(upTo: 10, asked: 1, expected: 6) == 0)
        #expect(Incoming.grant(upTo: 10, asked: 1, expected: 5) == 5)
        #expect(Incoming.grant(upTo: 0, asked: 0, expected: 0) == 0)
        #expect(Incoming.grant(upTo: 0, asked: 2, expected: 1) == 1)
        #expect(Incoming.grant(upTo: 0, asked: 0, expected: 3) == 0)
        #expect(Incoming.grant(upTo: 2, asked: 5, expected: 2) == 3)
    }

    // MARK: What is left

    @Test("A send that has timed out leaves nothing that waits for credit")
    func withdrawn() throws {
        let outgoing = Outgoing(.none)
        let receipts = (0..<3).map { _ in SendReceipt() }
        for receipt in receipts { _ = try outgoing.add(Outgoing.Item(Message(), receipt)) }
        receipts[1].cancel()
        outgoing.removeWithdrawn()
        #expect(outgoing.waitingCount == 2)
        #expect(receipts[1].result(until: Deadline(after: nil))?.isNotSent == true)
        #expect(receipts[0].result(until: Deadline(after: .zero)) == nil)
    }

    @Test("A response that is not valid ends the call that waits for it")
    func invalidResponse() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext(credit: 10)
            let handle = try peer.attachNext(node: "one").handle
            let request = try peer.expect(.transfer, skipping: .flow)
            try peer.send(.disposition(.accepted, request.deliveryID))
            try peer.send(.transfer(0, payload: [0, 0x53, 0x77, 0xff], handle: handle))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(30))
            let client = try SyncRequestResponse(connection, "a")
            let error = Self.error { _ = try client.call(Message(body: "request")) }
            #expect(error?.code == .protocolViolation)
            #expect(error?.condition?.name == .decodeError)
            try connection.close()
        }
    }
}

extension Result where Failure == AMQPSendError {
    fileprivate var isNotSent: Bool {
        if case .failure(.notSent) = self { true } else { false }
    }
}
