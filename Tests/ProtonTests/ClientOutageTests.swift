// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// What the async client's operations see when the connection, or their link, is lost: the table of `AMQPConnection`.
@Suite(.timeLimit(.minutes(1)))
struct ClientOutageTests {
    /// How the peer leaves.
    enum Loss: CaseIterable, Sendable {
        /// The connection is cut, and can be made again.
        case lost
        /// The connection is closed with an error, after which it is not made again.
        case ended
        /// The link is detached with an error.
        case link
    }

    private static func client(_ address: String) throws -> AMQPClient {
        var options = ConnectionOptions.quick
        options.limits.closeTimeout = .seconds(1)
        return try AMQPClient(address, options: options)
    }

    /// Does a server's part of the opening, up to the answer of an attach.
    private static func accept(_ server: ScriptedServer) throws -> ScriptedPeer {
        let peer = try server.accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        try peer.send(.attach(answering: peer.expect(.attach)))
        return peer
    }

    private static func leave(_ peer: ScriptedPeer, _ loss: Loss) throws {
        switch loss {
        case .lost: peer.close()
        case .ended: try peer.send(.close(error: Condition("amqp:invalid-field")))
        case .link: try peer.send(.detach(error: Condition("amqp:resource-deleted")))
        }
    }

    private static func end(_ peer: ScriptedPeer) throws {
        try peer.expect(.close, skipping: .disposition, .detach, .end, .flow, .transfer)
        try peer.send(.close())
    }

    @Test(arguments: Loss.allCases)
    func aMessageThatWaitsForCredit(_ loss: Loss) async throws {
        let result = try await withScriptedServer { server in
            let peer = try Self.accept(server)
            try Self.leave(peer, loss)
            guard case .lost = loss else { return }
            let next = try Self.accept(server)
            try next.send(.flow(credit: 1))
            try next.expect(.transfer)
            try next.send(.disposition(.accepted, 0))
            try Self.end(next)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                return await Result { try await sender.send(Message(body: 1)) }
            }
        }
        switch (loss, result) {
        case (.lost, .success(.accepted)): break
        case (.ended, .failure(.notSent(let cause))):
            #expect((cause as? ProtonError)?.code == .connectionError)
        case (.link, .failure(.notSent(let cause))): #expect((cause as? ProtonError)?.code == .linkError)
        default: Issue.record("\(loss): \(result)")
        }
    }

    @Test(arguments: Loss.allCases)
    func aMessageThatWaitsForItsOutcome(_ loss: Loss) async throws {
        let result = try await withScriptedServer { server in
            let peer = try Self.accept(server)
            try peer.send(.flow(credit: 1))
            try peer.expect(.transfer)
            try Self.leave(peer, loss)
            guard case .lost = loss else { return }
            try Self.end(try Self.accept(server))
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                let result = await Result { try await sender.send(Message(body: 1)) }
                if case .lost = loss { try await sender.attach() }
                return result
            }
        }
        guard case .failure(.inDoubt(let cause)) = result else {
            Issue.record("\(loss): \(result)")
            return
        }
        let codes: [Loss: ProtonError.Code] = [.lost: .disconnected, .ended: .connectionError, .link: .linkError]
        #expect((cause as? ProtonError)?.code == codes[loss])
    }

    @Test func whatThePeerMakesOfAMessage() async throws {
        let outcomes: [DeliveryState] = [
            .accepted, .rejected(Condition("app:no")), .released,
            .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]),
        ]
        try await withScriptedServer { server in
            let peer = try Self.accept(server)
            try peer.send(.flow(credit: 10))
            for (number, outcome) in outcomes.enumerated() {
                try peer.expect(.transfer)
                try peer.send(.disposition(outcome, UInt32(number)))
            }
            // Settled, and nothing said.
            try peer.expect(.transfer)
            var settled = Frame.disposition(.accepted, UInt32(outcomes.count))
            settled["state"] = .null
            try peer.send(settled)
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                for outcome in outcomes {
                    let receipt = try await sender.submit(Message(body: 1))
                    #expect(try await .outcome(receipt.outcome) == outcome)
                }
                let error = await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: 1)) }
                guard case .inDoubt = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
        }
    }

    @Test(arguments: Loss.allCases)
    func aReceiversMessages(_ loss: Loss) async throws {
        let told = try await withScriptedServer { server in
            let peer = try Self.accept(server)
            try peer.expect(.flow, ["link-credit": 2])
            try peer.send(.transfer(0, Message(body: "first")), .transfer(1, Message(body: "second")))
            try peer.expect(.disposition, ["first": 0], skipping: .flow)
            try Self.leave(peer, loss)
            guard case .lost = loss else { return }
            let next = try Self.accept(server)
            try next.expect(.flow, ["link-credit": 2])
            try next.send(.transfer(0, Message(body: "second again")))
            try next.expect(.disposition, ["first": 0], skipping: .flow)
            try Self.end(next)
        } asyncClient: { address in
            var told: [String] = []
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 2)
                do {
                    while let delivery = try await receiver.next() {
                        told.append(delivery.message.body.value.stringValue ?? "none")
                        // The second is in hand when the connection goes: what is said of it has no effect.
                        if told.last == "second" { continue }
                        delivery.accept()
                        if told.last == "second again" { break }
                    }
                } catch {
                    told.append("\((error as? ProtonError)?.code.description ?? "\(error)")")
                }
            }
            return told
        }
        let ends: [Loss: String] = [.lost: "second again", .ended: "connectionError", .link: "linkError"]
        #expect(told == ["first", "second", ends[loss]])
    }

    @Test func eventsTellOfALossAndItsEnd() async throws {
        let told = try await withScriptedServer { server in
            let peer = try Self.accept(server)
            peer.close()
            try Self.end(try Self.accept(server))
        } asyncClient: { address in
            var told: [String] = []
            let connection = try await Self.client(address).connect()
            let events = connection.events
            let sender = connection.sender(to: "q")
            try await sender.attach()
            for await event in events {
                switch event {
                case .connected:
                    told.append("connected")
                    try await sender.attach()
                    await connection.close()
                case .interrupted: told.append("interrupted")
                case .tryFailed: told.append("failed")
                case .ended(let error): told.append("ended \(error == nil)")
                }
            }
            return told
        }
        #expect(told == ["interrupted", "connected", "ended true"])
    }

    @Test func timeOuts() async throws {
        try await withScriptedServer { server in
            let peer = try Self.accept(server)
            // Nobody gives credit.
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                let late = await #expect(throws: AMQPSendError.self) {
                    try await sender.send(Message(body: 1), timeout: .milliseconds(50))
                }
                guard case .notSent(let cause) = late else {
                    Issue.record("\(String(describing: late))")
                    return
                }
                #expect((cause as? ProtonError)?.code == .timedOut)
                let wrong = await #expect(throws: AMQPSendError.self) {
                    try await sender.send(Message(body: 1), timeout: .zero)
                }
                guard case .notSent = wrong else {
                    Issue.record("\(String(describing: wrong))")
                    return
                }
            }
        }
    }

    /// The time of a request is also up while its message waits for room.
    @Test func aRequestThatFindsNoRoomEndsInTime() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            // The node of the responses, and a sender that nobody gives credit.
            try peer.attachNext()
            try peer.attachNext()
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                var receipts: [SendReceipt] = []
                while let receipt = try connection.keptSender(to: "q").trySend(Message(body: 0)) {
                    receipts.append(receipt)
                }
                #expect(receipts.count == 1_000)
                let error = await #expect(throws: AMQPSendError.self) {
                    try await connection.request(Message(body: 1), to: "q", timeout: .milliseconds(200))
                }
                guard case .notSent(let cause) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect((cause as? ProtonError)?.code == .timedOut)
            }
        }
    }

    /// Whoever gives its place up leaves it to the next one.
    @Test func roomIsPassedOn() async throws {
        try await withScriptedServer(limit: .seconds(60)) { server in
            let peer = try Self.accept(server)
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let sender = connection.sender(to: "q", bounds: AMQPSender.Bounds(messages: 2))
                try await sender.attach()
                var sending: [Task<Outcome, any Error>] = []
                for number in 0..<20 { sending.append(Task { try await sender.send(Message(body: number)) }) }
                // Each of those that have found room, and of those that are waiting, makes room for another one.
                for task in sending.dropLast() {
                    task.cancel()
                    await #expect(throws: AMQPSendError.self) { try await task.value }
                }
                let last = try await sender.submit(Message(body: 20))
                #expect(last.cancel())
                sending[19].cancel()
                await #expect(throws: AMQPSendError.self) { try await sending[19].value }
            }
        }
    }

    /// What waits for credit is bounded, by messages and by bytes.
    @Test func aSenderWithoutCreditTakesABoundedNumber() async throws {
        try await withScriptedServer { server in
            let peer = try Self.accept(server)
            // It never answers the detach: the client does not wait for that without end.
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let sender = connection.sender(to: "q", bounds: AMQPSender.Bounds(messages: 3, bytes: 1_000_000))
                try await sender.attach()
                var receipts: [SendReceipt] = []
                for number in 0..<3 { receipts.append(try #require(try sender.trySend(Message(body: number)))) }
                #expect(try sender.trySend(Message(body: 4)) == nil && sender.waitingCount == 3)
                let waiting = Task { try await sender.submit(Message(body: 5)) }
                waiting.cancel()
                await #expect(throws: AMQPSendError.self) { try await waiting.value }
                #expect(receipts[0].cancel() && !receipts[0].cancel())
                await sender.close()
                for receipt in receipts {
                    let error = await #expect(throws: AMQPSendError.self) { try await receipt.outcome }
                    guard case .notSent = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                }
                #expect(throws: AMQPSendError.self) { try sender.trySend(Message(body: 6)) }
            }
        }
    }
}

extension Result where Failure == AMQPSendError, Success: Sendable {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch let error as AMQPSendError {
            self = .failure(error)
        } catch {
            self = .failure(.notSent(error))
        }
    }
}
