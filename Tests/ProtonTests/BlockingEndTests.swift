// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// What becomes of a call that waits while the peer ends the link, the session or the connection, and of messages.
@Suite(.timeLimit(.minutes(1)))
struct BlockingEndTests {
    /// What a call waits for.
    enum Wait: String, CaseIterable {
        case credit, outcome, message
    }

    /// The error of a call; it is to be a `ProtonError`.
    private static func error(_ body: () throws -> Void) -> ProtonError? {
        #expect(throws: ProtonError.self) { try body() }
    }

    static func expectedCode(_ failure: PeerFailure) -> ProtonError.Code {
        switch failure {
        case .detaches, .detachesWithoutClosing, .closesTheLink, .rollsBack: .linkError
        case .endsTheSession: .sessionError
        case .closes, .closesWithoutReason: .connectionError
        case .vanishes: .disconnected
        }
    }

    @Test("A call that waits ends at once, and says why", arguments: Wait.allCases, PeerFailure.allCases)
    func ends(wait: Wait, failure: PeerFailure) async throws {
        let isAttached = Step()
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext(credit: wait == .outcome ? 1 : 0)
            // The call that waits follows, or finds that the link has ended: either way it says the same.
            try isAttached.wait()
            if wait == .outcome { try peer.expect(.transfer) }
            if wait == .message { try peer.expect(.flow) }
            try failure.playToTheEnd(on: peer, handle: attach.handle)
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(30))
            let error: ProtonError?
            if wait == .message {
                let receiver = try connection.createReceiver("a")
                isAttached.done()
                error = Self.error { _ = try receiver.receive() }
            } else {
                let sender = try connection.createSender("a")
                isAttached.done()
                error = Self.error { try sender.send(Message(body: "x")) }
            }
            let cause = wait == .outcome ? error?.underlyingError as? ProtonError : error
            if wait == .outcome { #expect(error?.code == .inDoubt) }
            #expect(cause?.code == Self.expectedCode(failure))
            if failure == .closesTheLink || failure == .closesWithoutReason {
                #expect(cause?.message.contains(": no reason was given") == true)
            }
            try connection.close()
        }
    }

    @Test(
        "A link that is ended in place of an attach",
        arguments: [PeerFailure.detaches, .closesTheLink, .endsTheSession])
    func refused(failure: PeerFailure) async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.expect(.attach)
            var answer = Frame.attach(answering: attach)
            answer["target"] = .null
            try peer.send(answer)
            try failure.playToTheEnd(on: peer, handle: attach.handle)
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(30))
            #expect(Self.error { _ = try connection.createSender("a") }?.code == Self.expectedCode(failure))
            try connection.close()
        }
    }

    @Test("Where the peer ends the session, its links end with it, and new ones are on another")
    func sessionEnds() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.send(.end())
            try peer.expect(.end, skipping: .flow)
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.attachNext(credit: 1)
            try peer.send(.disposition(.accepted, peer.expect(.transfer).deliveryID))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 0)
            #expect(Self.error { while true { _ = try receiver.receive() } }?.code == .sessionError)
            #expect(try connection.createSender("b").send(Message(body: "x")) == .accepted)
            try connection.close()
        }
    }

    // MARK: Outcomes

    @Test("A message that the peer settles without an outcome is in doubt")
    func noOutcome() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext(credit: 1)
            try peer.send(.disposition(.accepted, peer.expect(.transfer).deliveryID, ["state": .null]))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let sender = try connection.createSender("a")
            let error = Self.error { try sender.send(Message(body: "x")) }
            #expect(error?.code == .inDoubt)
            #expect(
                error?.message
                    == "sender to a: the peer settled the message without an outcome: what became of it is in doubt.")
            try connection.close()
        }
    }

    // MARK: Limits

    @Test("A message that is too large ends receive with the limit that it passes")
    func tooLarge() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(.transfer(0, Message(body: .data([UInt8](repeating: 1, count: 200)))))
            let detach = try peer.expect(.detach, skipping: .disposition, .flow)
            #expect(detach.condition?.name == .messageSizeExceeded)
            try peer.send(.detach(handle: detach.handle))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 0, options: .maxMessageSize(100))
            for _ in 0..<2 {
                let error = Self.error { _ = try receiver.receive() }
                #expect(error?.code == .limitExceeded)
                #expect(error?.condition?.name == .messageSizeExceeded)
                #expect(
                    error?.message.contains("the receiver from a is closed here: amqp:link:message-size-exceeded: ")
                        == true)
            }
            try connection.close()
        }
    }

    @Test("What comes and is no message is told once, and receiving goes on")
    func invalidMessage() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(.transfer(0, payload: [0, 0x53, 0x77, 0xff], handle: attach.handle))
            let rejected = try peer.expect(.disposition, ["first": 0, "settled": true], skipping: .flow).state
            guard case .outcome(.rejected(let condition)) = rejected else {
                throw TestError("It was not rejected: \(String(describing: rejected))")
            }
            #expect(condition?.name == .decodeError)
            // Credit for the next one came with that.
            try peer.send(.transfer(1, Message(body: "x"), handle: attach.handle))
            try peer.expect(.disposition, ["first": 1, "state": .state(.accepted)], skipping: .flow)
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a")
            let error = Self.error { _ = try receiver.receive() }
            #expect(error?.code == .protocolViolation)
            #expect(error?.underlyingError is CodecError)
            #expect(try receiver.receive().body.value == "x")
            try receiver.accept()
            try connection.close()
        }
    }

    // MARK: What was not settled

    @Test("Messages without an outcome go back when the link closes, each by an outcome", arguments: [true, false])
    func givesBack(peerCloses: Bool) async throws {
        let (areReceived, hasEnded) = (Step(), Step())
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send((0..<4).map { try .transfer($0, Message(body: "x"), handle: attach.handle) })
            try areReceived.wait()
            if peerCloses { try peer.send(.detach(handle: attach.handle)) }
            var states: [UInt32: DeliveryState] = [:]
            while true {
                let frame = try peer.receive()
                if frame.kind == .detach { break }
                guard frame.kind == .disposition else { continue }
                #expect(frame["settled"] == true)
                let last = frame["last"].intValue.map(UInt32.init) ?? frame.deliveryID
                for id in frame.deliveryID...last { states[id] = frame.state }
            }
            #expect(states == [0: .accepted, 1: .modified(deliveryFailed: true), 2: .released, 3: .released])
            if !peerCloses { try peer.send(.detach(handle: attach.handle)) }
            hasEnded.done()
            // And nothing of them afterwards.
            try peer.expect(.close, skipping: .flow)
            try peer.send(.close())
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 4)
            for _ in 0..<2 { _ = try receiver.receive() }
            try receiver.accept()
            areReceived.done()
            if peerCloses { try hasEnded.wait() } else { try receiver.close() }
            #expect(Self.error { try receiver.accept() }?.code == (peerCloses ? .linkError : .closed))
            try connection.close()
        }
    }

    @Test("Messages that came settled outlive their link")
    func settledMessages() async throws {
        let hasEnded = Step()
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(
                (0..<2).map { try .transfer($0, Message(body: "x"), handle: attach.handle, ["settled": true]) })
            try peer.send(.detach(handle: attach.handle))
            try peer.expect(.detach, skipping: .flow)
            hasEnded.done()
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a", credit: 2)
            try hasEnded.wait()
            for _ in 0..<2 { #expect(try receiver.receive().body.value == "x") }
            #expect(Self.error { _ = try receiver.receive() }?.code == .linkError)
            try connection.close()
        }
    }

    @Test("A message that came settled needs no outcome, and may be given one")
    func settledMessageAccepted() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(.transfer(0, Message(body: "x"), ["settled": true]))
            // No disposition comes.
            try peer.expect(.close, skipping: .flow)
            try peer.send(.close())
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let receiver = try connection.createReceiver("a")
            #expect(Self.error { try receiver.accept() }?.code == .invalidArgument)
            _ = try receiver.receive()
            try receiver.accept()
            try connection.close()
        }
    }

    // MARK: Several links

    @Test("A link that ends leaves the others of its connection alone")
    func severalLinks() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let first = try peer.attachNext()
            let second = try peer.attachNext()
            let sender = try peer.attachNext(credit: 10)
            let third = try peer.attachNext()
            try peer.send(.detach(handle: first.handle))
            try peer.expect(.detach, skipping: .flow)
            try peer.send(.transfer(0, Message(body: "second"), handle: second.handle))
            try peer.send(.transfer(1, Message(body: "third"), handle: third.handle))
            let transfer = try peer.expect(.transfer, ["handle": .uint(sender.handle)], skipping: .flow)
            try peer.send(.disposition(.accepted, transfer.deliveryID))
            try peer.answerClose()
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10))
            let (first, second) = (try connection.createReceiver("1"), try connection.createReceiver("2"))
            let sender = try connection.createSender("3")
            let third = try connection.createReceiver("4", credit: 2)
            #expect(Self.error { _ = try first.receive() }?.code == .linkError)
            #expect(try third.receive().body.value == "third")
            #expect(try second.receive().body.value == "second")
            #expect(try sender.send(Message(body: "x")) == .accepted)
            #expect(Self.error { try first.accept() }?.code == .linkError)
            try connection.close()
        }
    }
}
