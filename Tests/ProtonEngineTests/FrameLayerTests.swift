// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// The layer of frames under the engine: a server in memory, whose client is a test that uses SASL.
struct FrameLayerTests {
    /// A server and its client, which has opened a session.
    private static func opened(_ limits: ConnectionLimits = ConnectionLimits()) throws -> RawPeer {
        let raw = RawPeer(limits: limits, usesSASL: true)
        try raw.send(.saslHeader, .saslInit("ANONYMOUS"))
        // What is sent before the outcome is written goes another way.
        #expect(raw.frames.contains { $0.kind == .saslOutcome })
        try raw.send(.amqpHeader, .open(), .begin())
        #expect(raw.frames.suffix(3).map(\.kind) == [.amqpHeader, .open, .begin])
        #expect(raw.peer.connection.user == "anonymous")
        return raw
    }

    /// The frames that the server sends because of some of the client's.
    private static func answers(_ raw: RawPeer, _ frames: Frame...) throws -> [Frame] {
        let before = raw.frames.count
        try raw.send(frames.flatMap(\.bytes))
        return Array(raw.frames.dropFirst(before))
    }

    private static let echo: KeyValuePairs<String, AMQPValue> = ["echo": true]

    @Test func flowsWithEchoAreAnswered() throws {
        let raw = try Self.opened()
        let windows: KeyValuePairs<String, AMQPValue> = [
            "next-incoming-id": 0, "incoming-window": 10, "next-outgoing-id": 0, "outgoing-window": 10, "echo": true,
        ]
        let session = try Self.answers(raw, Frame(.flow, windows))
        #expect(session.map(\.kind) == [.flow] && session[0]["handle"] == .null)
        #expect(session[0]["next-incoming-id"] == .uint(0) && session[0]["incoming-window"] != .uint(0))

        try raw.send(
            .attach(receivingFrom: "q", name: "out", handle: 0), .attach(sendingTo: "q", name: "in", handle: 1))
        let links = try Self.answers(raw, .flow(credit: 3, Self.echo), .flow(credit: 0, handle: 1, Self.echo))
        #expect(links.map(\.kind) == [.flow, .flow])
        #expect(links.map { $0["link-credit"] } == [.uint(3), .uint(0)])
        #expect(links.map { $0["handle"] } == [.uint(0), .uint(1)])
        // What makes proton write leaves nothing behind.
        #expect(raw.peer.connection.links.map(\.name) == ["out", "in"])
        #expect(raw.peer.events.count("link.initialized") == 2 && !raw.isClosed)
        try raw.send(Frame(.close))
        #expect(raw.peer.driver.isFinished)
    }

    @Test func manyFlowsWithEchoTakeNoHandle() throws {
        let raw = try Self.opened()
        try raw.send(.attach(receivingFrom: "q", name: "out", handle: 0))
        for _ in 0..<100 {
            let flows = try Self.answers(raw, .flow(credit: 3, Self.echo))
            #expect(flows.map(\.kind) == [.flow])
        }
        let attached = try Self.answers(raw, .attach(receivingFrom: "q", name: "next", handle: 1))
        #expect(attached.first?["handle"] == .uint(1))
    }

    @Test func aDrainWithoutCreditIsAnswered() throws {
        let raw = try Self.opened()
        try raw.send(.attach(receivingFrom: "q"))
        let flows = try Self.answers(raw, .flow(credit: 0, ["drain": true]))
        #expect(flows.map(\.kind) == [.flow])
        #expect(flows[0]["drain"] == true && flows[0]["link-credit"] == .uint(0))
    }

    @Test func aFlowThatReturnsCreditIsNotAnswered() throws {
        let raw = try Self.opened()
        try raw.send(.attach(receivingFrom: "q"))
        #expect(try Self.answers(raw, .flow(credit: 5), .flow(credit: 0)).isEmpty)
    }

    @Test(arguments: [0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as [UInt32])
    func largeCreditCanBeUsed(_ credit: UInt32) throws {
        let raw = try Self.opened()
        try raw.send(.attach(receivingFrom: "q"), .flow(credit: credit))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        #expect(sender.credit == Int(Int32.max))
        try sender.send(Message(body: 1))
        #expect(try Self.answers(raw).map(\.kind) == [.transfer])
    }

    @Test func aSymbolicOutcomeIsOne() throws {
        let raw = try Self.opened()
        var states: [DeliveryState?] = []
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event, let news = delivery.remoteUpdate() { states.append(news.state) }
        }
        try raw.send(.attach(receivingFrom: "q"), .flow(credit: 9))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        let names: [Symbol] = ["amqp:accepted:list", "amqp:released:list", "amqp:rejected:list", "amqp:modified:list"]
        for (id, name) in names.enumerated() {
            try sender.send(Message(body: 1))
            let state = AMQPValue.described(Described(descriptor: .symbol(name), value: .list([])))
            try raw.send(
                Frame(.disposition, ["role": true, "first": .uint(UInt32(id)), "settled": true, "state": state]))
        }
        #expect(states == [.accepted, .released, .rejected(nil), .outcome(.modified())])
    }

    @Test(arguments: [0, 1, 0x8001_3700] as [UInt32], [nil, DeliveryState.transactional(id: [1], outcome: nil)])
    func theMessageFormatIsKnown(_ format: UInt32, _ state: DeliveryState?) throws {
        let raw = try Self.opened()
        var seen: [(UInt32, DeliveryState?, [UInt8])] = []
        raw.peer.events.react = { event in
            event.answer()
            if case .link(.remoteOpen, let link) = event { try (link as? Receiver)?.flow(10) }
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            seen.append((delivery.messageFormat, delivery.remoteState, delivery.takeBytes()))
        }
        try raw.send(.attach())
        var first = Frame.transfer(id: 0, more: true, [1])
        first["message-format"] = .uint(format)
        if let state { first["state"] = state.described }
        try raw.send(first, .transfer(id: nil, tag: nil, [2]))
        #expect(seen.map(\.0) == [format] && seen.map(\.1) == [state] && seen.map(\.2) == [[1, 2]])
    }

    @Test func aLinkIsStolenAndTheConnectionLives() throws {
        let raw = try Self.opened()
        try raw.send(.attach(receivingFrom: "q", name: "x", handle: 0))
        let answers = try Self.answers(raw, .attach(receivingFrom: "q", name: "x", handle: 1))
        #expect(answers.count { $0.kind == .attach } == 1)
        #expect(answers.filter { $0.kind == .detach }.map { $0.condition?.name } == [.linkStolen])
        try raw.send(Frame(.detach, ["handle": 0]), .flow(credit: 2, handle: 1))
        #expect(!raw.isClosed && raw.peer.connection.links.map(\.name) == ["x"])
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        #expect(sender.credit == 2)
        try sender.send(Message(body: 1))
        #expect(try Self.answers(raw).map { $0["handle"] } == [.uint(1)])
    }

    @Test func thePeersHandleMaxBoundsALinksHandle() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(.saslHeader, .saslInit("ANONYMOUS"))
        try raw.send(.amqpHeader, .open(), .begin(["handle-max": 1]), .begin(channel: 1))
        let sessions = raw.peer.connection.allSessions
        for name in ["a", "b"] { try sessions[0].makeSender(name: name).open() }
        let error = #expect(throws: ProtonError.self) { try sessions[0].makeReceiver(name: "c") }
        #expect(error?.code == .limitExceeded && error?.message.contains("handle-max 1") == true)
        // Another session has handles of its own, and a link that is closed gives its back.
        try sessions[1].makeSender(name: "c").open()
        let link = try #require(raw.peer.connection.links.first)
        try raw.send()
        try raw.send(.attach(receivingFrom: "q", name: "a", handle: 0))
        link.close()
        try raw.send(.detach(handle: 0))
        try sessions[0].makeSender(name: "d").open()
        try raw.send()
        #expect(raw.frames.filter { $0.kind == .attach }.allSatisfy { [.uint(0), .uint(1)].contains($0["handle"]) })
    }

    @Test func theLayerCanBeLeftOut() throws {
        var limits = ConnectionLimits()
        limits.usesFrameLayer = false
        let raw = try Self.opened(limits)
        try raw.send(.attach(receivingFrom: "q"))
        #expect(try Self.answers(raw, .flow(credit: 3, Self.echo)).isEmpty)
    }

    @Test func anotherMechanismIsRefused() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(.saslHeader, .saslInit("PLAIN"))
        #expect(raw.frames.contains { $0.kind == .saslOutcome && $0["code"] == .ubyte(1) })
        #expect(raw.isClosed)
    }

    @Test func frameBeyondTheLimitClosesTheConnection() throws {
        let raw = try Self.opened()
        try raw.send([0, 1, 0, 1, 2, 0, 0, 0])
        #expect(raw.closeCondition?.name == .framingError)
    }

    // MARK: Refusals

    /// What ends a process whose proton 0.37 reads it.
    private static var crashes: [(frames: [Frame], condition: Symbol)] {
        let aborted = Frame.transfer(handle: 1, id: 0, isAborted: true)
        return [
            ([.transfer(id: nil, more: true)], .invalidField),
            ([.transfer(id: 0), .transfer(id: nil, tag: [2], more: true)], .invalidField),
            (
                [.transfer(id: 0, more: true), .transfer(id: nil, isAborted: true), .transfer(id: nil, more: true)],
                .invalidField
            ),
            ([aborted], .notAllowed), ([aborted, .flow(credit: 1, handle: 1)], .notAllowed),
        ]
    }

    @Test(arguments: 0..<5)
    func whatCrashesProtonEndsTheConnection(_ index: Int) throws {
        let raw = try Self.opened()
        raw.peer.events.react = { event in
            event.answer()
            if case .link(.remoteOpen, let link) = event { try (link as? Receiver)?.flow(10) }
        }
        try raw.send(.attach(), .attach(receivingFrom: "q", name: "out", handle: 1), .flow(credit: 9, handle: 1))
        let sender = try #require(raw.peer.connection.links.last as? Sender)
        let (frames, condition) = Self.crashes[index]
        try raw.send(frames.flatMap(\.bytes))
        #expect(raw.closeCondition?.name == condition)
        #expect(raw.closeCondition == raw.peer.connection.transport?.condition)
        if !sender.isLocalClosed { _ = try? sender.send(Message(body: 1)) }
        try raw.send(.transfer(id: nil, more: true))
        #expect(raw.frames.last?.kind == .close)
    }

    /// A whole conversation, with its bytes in pieces of any size.
    @Test(arguments: [1, 7, 100, 100_000])
    func aConversationPassesInPieces(step: Int) throws {
        let conversation = try Conversation(usesSASL: true)
        try conversation.pair.pump(step: step)
        #expect(conversation.isComplete)
    }
}
