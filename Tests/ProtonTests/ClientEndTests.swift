// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// How links and connections of the async client end, and what then goes back to the peer.
@Suite(.timeLimit(.minutes(1)))
struct ClientEndTests {
    private static func client(_ address: String, reconnects: Bool = true) throws -> AMQPClient {
        try AMQPClient(address, options: reconnects ? .quick : ConnectionOptions(reconnect: nil))
    }

    @Test func aMessageThatIsTooLargeEndsTheLoopWithTheLimit() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(.transfer(0, Message(body: .data([UInt8](repeating: 1, count: 200)))))
            let detach = try peer.expect(.detach, skipping: .disposition, .flow)
            #expect(detach.condition?.name == .messageSizeExceeded)
            try peer.send(.detach(handle: detach.handle))
            try peer.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "a", options: [.maxMessageSize(100)])
                let error = await #expect(throws: ProtonError.self) { for try await _ in receiver {} }
                #expect(error?.code == .limitExceeded)
                #expect(error?.condition?.name == .messageSizeExceeded)
            }
        }
    }

    @Test func aLossThatIsNotMadeGoodIsThrownByAReceiver() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow)
            peer.close()
        } asyncClient: { address in
            try await Self.client(address, reconnects: false).withConnection { connection in
                let receiver = connection.receiver(from: "a")
                let error = await #expect(throws: ProtonError.self) { for try await _ in receiver {} }
                #expect(error?.code == .disconnected)
            }
        }
    }

    @Test func aLossThatIsNotMadeGoodIsThrownByASender() async throws {
        let isAttached = Step()
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try isAttached.wait()
            peer.close()
        } asyncClient: { address in
            try await Self.client(address, reconnects: false).withConnection { connection in
                let sender = connection.sender(to: "a")
                try await sender.attach()
                isAttached.done()
                let error = await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: "x")) }
                guard case .notSent(let cause as ProtonError) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(cause.code == .disconnected)
            }
        }
    }

    /// The sender has used its only credit for nothing.
    @Test func aMessageThatIsAbortedGivesItsCreditBack() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 1])
            try peer.abortTransfer(0, handle: attach.handle)
            try peer.expect(.flow, ["link-credit": 1])
            try peer.send(.transfer(1, Message(body: "x"), handle: attach.handle))
            try peer.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "a", window: 1)
                let delivery = try #require(try await receiver.next())
                #expect(delivery.message.body.value == "x")
                delivery.accept()
            }
        }
    }

    /// A peer that refuses a connection says so in its open frame, and closes it at once as a rule.
    @Test func aConnectionThatIsRefusedAndNotClosedIsGivenUp() async throws {
        try await withScriptedServer { server in
            for _ in 0..<2 {
                let peer = try server.accept()
                try peer.handshake(
                    .open("peer", ["properties": [.symbol(.connectionEstablishmentFailed): true]]))
                try peer.expect(.close)
                try peer.send(.close())
            }
        } asyncClient: { address in
            let late = await #expect(throws: ProtonError.self) {
                _ = try await AMQPClient(address, timeout: .seconds(3)).connect()
            }
            #expect(late?.code == .timedOut)
            try await onThread {
                let error = #expect(throws: ProtonError.self) {
                    _ = try BlockingConnection(address, timeout: .seconds(3))
                }
                #expect(error?.code == .timedOut)
            }
        }
    }

    // MARK: What goes back

    @Test func whatIsNotSettledGoesBackWhereThePeerClosesTheLink() async throws {
        let isTaken = Step()
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send((0..<2).map { try .transfer($0, Message(body: "x"), handle: attach.handle) })
            try isTaken.wait()
            try peer.send(.detach(handle: attach.handle))
            var states: [UInt32: DeliveryState] = [:]
            while true {
                let frame = try peer.receive()
                if frame.kind == .detach { break }
                if frame.kind == .disposition { states[frame.deliveryID] = frame.state }
            }
            #expect(states == [0: .modified(deliveryFailed: true), 1: .released])
            try peer.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "a", window: 2)
                _ = try #require(try await receiver.next())
                while receiver.waitingCount == 0 { await Task.yield() }
                isTaken.done()
                // What nobody has taken goes with the link.
                while receiver.waitingCount > 0 { await Task.yield() }
                let error = await #expect(throws: ProtonError.self) { try await receiver.next() }
                #expect(error?.code == .linkError)
            }
        }
    }

    /// A link that is closed by itself gives up what outlives a connection: a durable subscription.
    @Test func aConnectionThatIsClosedDetachesNoLinkByItself() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(.transfer(0, Message(body: "x"), handle: attach.handle))
            let given = try peer.expect(.disposition, skipping: .flow)
            #expect(given.state == .modified(deliveryFailed: true))
            try peer.expect(.close)
            try peer.send(.close())
        } asyncClient: { address in
            let connection = try await Self.client(address).connect()
            let receiver = connection.receiver(from: "a")
            _ = try #require(try await receiver.next())
            await connection.close()
            withExtendedLifetime(receiver) {}
        }
    }

    // MARK: Requests

    @Test func aRequestThatIsNotSentBeforeItsResponsesNodeIsLostIsTakenBack() async throws {
        try await withScriptedServer { server in
            let first = try server.acceptSession()
            try first.attachNext(node: "one")
            try first.attachNext()
            first.close()
            let second = try server.acceptSession()
            try second.attachNext(node: "two")
            try second.attachNext(credit: 10)
            // No request comes.
            try second.answerClose()
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let error = await #expect(throws: AMQPSendError.self) {
                    try await connection.request(Message(body: "x"), to: "a")
                }
                guard case .notSent(let cause as ProtonError) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(cause.code == .disconnected)
                try await connection.keptSender(to: "a").attach()
            }
        }
    }

    // MARK: Several consumers

    @Test func whoIsCancelledLeavesTheMessageToTheNext() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.answerClose()
        } asyncClient: { address in
            let connection = try await Self.client(address).connect()
            let receiver = connection.receiver(from: "a")
            try await receiver.attach()
            let incoming = receiver.shared.incoming
            let first = Task { try await receiver.next() }
            while incoming.state.withLock({ $0.waiters.count }) < 1 { await Task.yield() }
            let second = Task { try await receiver.next() }
            while incoming.state.withLock({ $0.waiters.count }) < 2 { await Task.yield() }
            // As where the first is woken for it, and cancelled before it gets there.
            let bytes = EncodedMessages([0], [EncodedMessages.Entry(bytes: 0..<1, token: nil)], .default)
            incoming.state.withLock { $0.arrivals.append(Incoming.Arrival(messages: bytes, index: 0)) }
            first.cancel()
            let error = await #expect(throws: ProtonError.self) { try await second.value }
            #expect(error?.code == .protocolViolation)
            let taken = try await first.value
            #expect(taken == nil)
            await connection.close()
        }
    }
}

extension ScriptedPeer {
    /// Begins a message, and gives it up.
    func abortTransfer(_ id: UInt32, handle: UInt32) throws {
        try send(
            .transfer(id, payload: [0, 0x53], handle: handle, ["more": true]),
            .transfer(id, payload: [], handle: handle, ["aborted": true]))
    }
}
