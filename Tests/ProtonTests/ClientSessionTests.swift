// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import Proton

/// The async client with peers that end a session, or the connection, for what they do not like: what else there is goes on.
@Suite(.timeLimit(.minutes(1)))
struct ClientSessionTests {
    private static let refusal = Condition("amqp:not-found", "There is no such queue.")
    private static let rabbitMQ = Frame.open(
        "scripted", ["properties": .map([.symbol("product"): "RabbitMQ"])])

    private static func client(_ address: String) throws -> AMQPClient {
        var options = ConnectionOptions(reconnect: nil)
        options.limits.closeTimeout = .seconds(1)
        return try AMQPClient(address, options: options)
    }

    private static func end(_ peer: ScriptedPeer) throws {
        try peer.expect(.close, skipping: .disposition, .detach, .end, .flow, .transfer, .begin, .attach)
        try peer.send(.close())
    }

    /// The links on the session end with its reason; a new one gets a new session.
    @Test func aSessionThatThePeerEndsTakesItsLinksOnly() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.send(.attach(answering: peer.expect(.attach)))
            try peer.expect(.attach, skipping: .flow)
            try peer.send(.end(error: Self.refusal))
            try peer.expect(.end, skipping: .flow, .detach)
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.attachNext(credit: 1)
            try peer.expect(.transfer)
            try peer.send(.disposition(.accepted, 0))
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "q")
                try await receiver.attach()
                let refused = await #expect(throws: AMQPSendError.self) { try await connection.send(1, to: "missing") }
                guard case .notSent(let cause as ProtonError) = refused else {
                    Issue.record("\(String(describing: refused))")
                    return
                }
                #expect(cause.code == .linkError && cause.condition == Self.refusal)
                let error = await #expect(throws: ProtonError.self) { try await receiver.next() }
                #expect(error?.code == .linkError && error?.condition == Self.refusal)
                try await connection.send(2, to: "q")
            }
        }
    }

    /// RabbitMQ ends a session for a link that it refuses: each has its own there.
    @Test func aSessionForEachLinkOfRabbitMQ() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(Self.rabbitMQ)
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.send(.attach(answering: peer.expect(.attach)))
            let second = try peer.expect(.begin, skipping: .flow)
            #expect(second.channel == 1)
            try peer.send(.begin(answering: second, channel: 1))
            try peer.expect(.attach)
            try peer.send(.end(error: Self.refusal, channel: 1))
            // The channel of the session that has ended is not used for the next one.
            let third = try peer.expect(.begin)
            #expect(third.channel == 2)
            try peer.send(.begin(answering: third, channel: 2))
            try peer.expect(.end, skipping: .attach)
            try peer.send(.end(error: Self.refusal, channel: 2))
            // The first link is as it was.
            try peer.send(.transfer(0, Message(body: 7)))
            try peer.expect(.disposition, ["first": 0], skipping: .flow)
            // Its session serves the next link once it is gone.
            let detach = try peer.expect(.detach, skipping: .flow)
            try peer.send(.detach(handle: detach.handle))
            let next = try peer.expect(.attach)
            #expect(next.channel == 0)
            try peer.send(.attach(answering: next))
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                try await connection.withReceiver(from: "q") { receiver in
                    await #expect(throws: AMQPSendError.self) { try await connection.send(1, to: "missing") }
                    await #expect(throws: AMQPSendError.self) { try await connection.send(2, to: "missing") }
                    let delivery = try #require(try await receiver.next())
                    #expect(delivery.message.body.value == 7)
                    delivery.accept()
                }
                try await connection.sender(to: "q").attach()
            }
        }
    }

    /// RabbitMQ 3 gives back what was on its way to a receiver when the session ends.
    @Test func aSessionOfRabbitMQ3EndsWithItsLink() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(
                .open("scripted", ["properties": .map([.symbol("product"): "RabbitMQ", .symbol("version"): "3.13.7"])]))
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.attachNext()
            let detach = try peer.expect(.detach, skipping: .flow)
            try peer.send(.detach(handle: detach.handle))
            try peer.expect(.end)
            try peer.send(.end())
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                try await connection.withReceiver(from: "q") { _ in }
            }
        }
    }

    @Test func aConnectionThatIsNotMadeAgainTellsWhyItEnded() async throws {
        let told = try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.attachNext(credit: 1)
            try peer.expect(.transfer, skipping: .flow)
            try peer.send(.disposition(.accepted, 0))
            peer.close()
        } asyncClient: { address in
            let connection = try await Self.client(address).connect()
            let events = connection.events
            let (receiver, sender) = (connection.receiver(from: "q"), connection.sender(to: "q"))
            try await receiver.attach()
            try await sender.send(Message(body: 0))
            let error = await #expect(throws: ProtonError.self) { try await receiver.next() }
            #expect(error?.code == .disconnected)
            let unsent = await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: 1)) }
            guard case .notSent(let cause as ProtonError) = unsent, cause.code == .disconnected else {
                Issue.record("\(String(describing: unsent))")
                return [String]()
            }
            var told: [String] = []
            for await event in events {
                if case .ended(let error) = event {
                    told.append(error?.code.description ?? "closed here")
                } else {
                    told.append("\(event)")
                }
            }
            return told
        }
        #expect(told == ["disconnected"])
    }

    /// A drain that the peer answers by ending the session has not ended.
    @Test func aDrainThatFails() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            let isDraining = { (frame: Frame) in frame["drain"] == true }
            while !isDraining(try peer.expect(.flow)) {}
            try peer.send(.end(error: Self.refusal))
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 0)
                try receiver.grant(5)
                let error = await #expect(throws: ProtonError.self) { try await receiver.drain() }
                #expect(error?.code == .linkError)
            }
        }
    }

    @Test func aDrainThatIsCancelled() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 0)
                try await receiver.attach()
                try receiver.grant(5)
                let draining = Task { try await receiver.drain() }
                draining.cancel()
                await #expect(throws: CancellationError.self) { try await draining.value }
            }
        }
    }

    /// A source that does not take modified (AMQP 1.0, 3.5.3) gets released in its place, also when the link is closed.
    @Test func aSourceThatTakesNoModified() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            var answer = Frame.attach(answering: try peer.expect(.attach))
            let taken: [AMQPValue] = [.symbol("amqp:accepted:list"), .symbol("amqp:released:list")]
            answer["source"] = .described(
                Described(
                    descriptor: .ulong(0x28),
                    value: .list(["q"] + Array(repeating: .null, count: 8) + [.array(try #require(AMQPArray(taken)))])))
            try peer.send(answer)
            try peer.expect(.flow)
            try peer.send((0..<3).map { try .transfer($0, Message(body: .value(.uint($0)))) })
            var last: Int64?
            while last != 2 {
                let disposition = try peer.expect(.disposition, skipping: .flow)
                #expect(disposition.state == .released)
                last = (disposition["last"] == .null ? disposition["first"] : disposition["last"]).intValue.map(
                    Int64.init)
            }
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                try await connection.withReceiver(from: "q") { receiver in
                    let delivery = try #require(try await receiver.next())
                    delivery.release(delivered: true)
                    // In hand when the link is closed.
                    _ = try await receiver.next()
                    _ = try await receiver.next()
                }
            }
        }
    }

    /// What was on its way when a receiver was closed goes back.
    @Test func whatComesAfterAClose() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow)
            let detach = try peer.expect(.detach, skipping: .flow)
            try peer.send(.transfer(0, Message(body: 1)))
            #expect(try peer.expect(.disposition).state == .released)
            try peer.send(.detach(handle: detach.handle))
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                try await connection.withReceiver(from: "q") { _ in }
            }
        }
    }

    /// A receiver that is closed gives no more credit: what came for it would only go back.
    @Test func closingGivesNoCredit() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 4])
            try peer.send((0..<4).map { try .transfer($0, Message(body: .value(.uint($0)))) })
            try peer.expect(.disposition, ["first": 0, "last": 3])
            let detach = try peer.expect(.detach)
            try peer.send(.detach(handle: detach.handle))
            try Self.end(peer)
        } asyncClient: { address in
            try await Self.client(address).withConnection { connection in
                let receiver = connection.receiver(from: "q", window: 4)
                var held: [AMQPDelivery] = []
                for _ in 0..<4 { held.append(try #require(try await receiver.next())) }
                // In the connection's domain, so that nothing happens between the settlement and the close.
                let all = held
                _ = connection.core.post { _ in
                    receiver.settle(all)
                    receiver.shared.link.beginClosing()
                }
                await receiver.close()
            }
        }
    }
}
