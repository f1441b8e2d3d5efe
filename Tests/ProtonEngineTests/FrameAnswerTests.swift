// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// The flows that the layer of frames answers with, and what it makes of a link that is attached twice, without any I/O.
struct FrameAnswerTests {
    typealias Scanner = FrameScannerTests.Scanner

    /// A flow of the peer's for the session, with echo.
    private static func echo(next: UInt32 = 7) -> Frame {
        Frame(
            .flow,
            [
                "next-incoming-id": 0, "incoming-window": 100, "next-outgoing-id": .uint(next), "outgoing-window": 100,
                "echo": true,
            ])
    }

    /// What a flow for a session has to say.
    private static func flow(
        next: UInt32 = 7, window: UInt32 = 100, sent: UInt32 = 0, _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        var frame = Frame(
            .flow,
            [
                "next-incoming-id": .uint(next), "incoming-window": .uint(window), "next-outgoing-id": .uint(sent),
                "outgoing-window": 55,
            ])
        for (name, value) in fields { frame[name] = value }
        return frame
    }

    private static func link(handle: UInt32, count: UInt32, credit: UInt32, drain: Bool = false)
        -> KeyValuePairs<String, AMQPValue>
    {
        [
            "handle": .uint(handle), "delivery-count": .uint(count), "link-credit": .uint(credit),
            "drain": .boolean(drain),
        ]
    }

    // MARK: Echo

    @Test func aSessionIsAnswered() {
        let scanner = Scanner()
        scanner.begin()
        #expect(scanner.answers().isEmpty)
        _ = scanner.receive(Self.echo())
        #expect(scanner.hasAnswers)
        #expect(scanner.answers() == [Self.flow()])
        #expect(scanner.answers().isEmpty)
    }

    @Test func theWindowsCountWhatCameAndWent() {
        let scanner = Scanner()
        scanner.begin(windows: 10)
        scanner.attach("in", isLocalSender: false, peer: 0, ours: 4)
        scanner.attach("out", isLocalSender: true, peer: 1, ours: 5)
        _ = scanner.receive(.transfer(id: 0), .transfer(id: 1))
        _ = scanner.send(.transfer(handle: 5, id: 0), .transfer(handle: 5, id: 0, more: true))
        // Two have come of those that the peer counts from 7.
        _ = scanner.receive(Self.echo(next: 9))
        #expect(scanner.answers() == [Self.flow(next: 9, window: 8, sent: 2)])
        _ = scanner.send(.flow(credit: 3, handle: 4, ["next-incoming-id": 9, "incoming-window": 50]))
        _ = scanner.receive(.transfer(id: 2), Self.echo(next: 10))
        #expect(scanner.answers() == [Self.flow(next: 10, window: 49, sent: 2)])
    }

    @Test func aBeginThatCameAnotherWayIsNotNeeded() {
        let scanner = Scanner()
        _ = scanner.send(
            .amqpHeader, .open(),
            .begin(channel: 2, ["remote-channel": .ushort(0), "incoming-window": 100, "outgoing-window": 55]))
        _ = scanner.receive(Self.echo())
        var expected = Self.flow()
        expected.channel = 2
        #expect(scanner.answers() == [expected])
    }

    @Test func anAnswerWaitsForTheBeginAndTheAttach() {
        let scanner = Scanner()
        _ = scanner.receive(.amqpHeader, .open(), .begin(["next-outgoing-id": 7]), Self.echo())
        _ = scanner.receive(
            .attach(receivingFrom: "q", handle: 3), .flow(credit: 2, handle: 3, ["echo": true, "next-outgoing-id": 7]))
        #expect(!scanner.hasAnswers)
        let begin = Frame.begin(["remote-channel": .ushort(0), "incoming-window": 100, "outgoing-window": 55])
        var withMax = begin
        withMax["handle-max"] = .uint(FrameSession.handleMax)
        #expect(scanner.send(.amqpHeader, .open(), begin) == [.amqpHeader, .open(), withMax, Self.flow()])
        let attach = Frame.attach(sendingTo: "q", handle: 0)
        #expect(scanner.send(attach) == [attach, Self.flow(Self.link(handle: 0, count: 0, credit: 2))])
    }

    @Test func aReceivingLinkIsAnsweredWithItsCredit() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: false, peer: 3, ours: 1)
        let echo = Frame.flow(credit: 0, handle: 3, ["echo": true, "delivery-count": 2, "next-outgoing-id": 7])
        _ = scanner.receive(echo)
        #expect(scanner.answers() == [Self.flow(Self.link(handle: 1, count: 2, credit: 0))])
        _ = scanner.send(.flow(credit: 10, handle: 1, ["next-incoming-id": .null]))
        _ = scanner.receive(echo)
        #expect(scanner.answers() == [Self.flow(Self.link(handle: 1, count: 2, credit: 8))])
    }

    @Test func aSendingLinkIsAnsweredWithItsCount() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true, peer: 0, ours: 6)
        _ = scanner.receive(.flow(credit: 5, ["next-outgoing-id": 7]))
        _ = scanner.send(
            .transfer(handle: 6, id: 0), .transfer(handle: 6, id: 1, more: true), .transfer(handle: 6, id: 1))
        _ = scanner.receive(.flow(credit: 3, ["echo": true, "delivery-count": 2, "next-outgoing-id": 7]))
        #expect(scanner.answers() == [Self.flow(sent: 3, Self.link(handle: 6, count: 2, credit: 3))])
    }

    @Test func manyRequestsAreOneAnswer() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true)
        for _ in 0..<100 {
            _ = scanner.receive(.flow(credit: 3, ["echo": true, "next-outgoing-id": 7]), Self.echo())
        }
        #expect(scanner.answers().count == 2)
    }

    @Test func whatIsOverIsNotAnswered() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true)
        let echo = Frame.flow(credit: 3, ["echo": true, "next-outgoing-id": 7])
        _ = scanner.receive(echo)
        // The answer goes before the detach: the frame boundary is there.
        _ = scanner.send(Frame(.detach, ["handle": 0]))
        _ = scanner.receive(echo, Frame(.end))
        #expect(scanner.answers().isEmpty)
    }

    // MARK: Drain

    @Test func aDrainWithoutCreditIsAnswered() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true)
        _ = scanner.receive(.flow(credit: 0, ["drain": true, "next-outgoing-id": 7]))
        #expect(scanner.answers() == [Self.flow(Self.link(handle: 0, count: 0, credit: 0, drain: true))])
    }

    @Test func aDrainWhoseCreditIsOnItsWayEndsWithTheLastMessage() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true)
        _ = scanner.receive(.flow(credit: 2, ["drain": true, "next-outgoing-id": 7]))
        #expect(scanner.answers().isEmpty)
        let transfers = [Frame.transfer(id: 0), Frame.transfer(id: 1), Frame(.empty)]
        let sent = Frame.parse(scanner.send(transfers.flatMap(\.bytes)))
        let end = Self.flow(sent: 2, Self.link(handle: 0, count: 2, credit: 0, drain: true))
        #expect(sent == [transfers[0], transfers[1], end, transfers[2]])
    }

    @Test func aDrainThatProtonEndsIsNotAnsweredTwice() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true)
        _ = scanner.receive(.flow(credit: 2, ["drain": true, "next-outgoing-id": 7]))
        _ = scanner.send(.transfer(id: 0), .flow(credit: 0, ["delivery-count": 2, "drain": true]))
        #expect(scanner.answers().isEmpty)
    }

    // MARK: Links of one name

    @Test func aLinkIsStolen() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach("link", isLocalSender: true, peer: 0, ours: 0)
        let second = Frame.attach(receivingFrom: "q", name: "link", handle: 1)
        let frames = scanner.receive(second)
        #expect(frames.map(\.kind) == [.detach, .attach] && frames.last == second)
        #expect(frames.first?["handle"] == .uint(0) && frames.first?.condition?.name == .linkStolen)
        #expect(frames.first?["closed"] == .boolean(false))
        // What the peer still says of the first one is not for proton: but what it says of the session is.
        let flow = Frame.flow(credit: 9, ["next-outgoing-id": 7])
        let onlySession = scanner.receive(flow)
        #expect(onlySession.map(\.kind) == [.flow] && onlySession.first?["handle"] == .null)
        #expect(onlySession.first?["incoming-window"] == flow["incoming-window"])
        _ = scanner.send(.attach(sendingTo: "q", name: "link", handle: 1), Frame(.detach, ["handle": 0]))
        #expect(scanner.receive(Frame(.detach, ["handle": 0, "closed": true])).isEmpty)
        // The second one lives, and is answered by its own handle.
        _ = scanner.receive(.flow(credit: 4, handle: 1, ["echo": true, "next-outgoing-id": 7]))
        #expect(scanner.answers() == [Self.flow(Self.link(handle: 1, count: 0, credit: 4))])
        #expect(scanner.linkCount == 1)
    }

    @Test func aLinkIsStolenBeforeItIsAnswered() {
        let scanner = Scanner()
        scanner.begin()
        let attaches = (0..<3).map { Frame.attach(receivingFrom: "q", name: "link", handle: $0) }
        let frames = Frame.parse(scanner.receive(attaches.flatMap(\.bytes)))
        #expect(frames.map(\.kind) == [.attach, .detach, .attach, .detach, .attach])
        for handle in 0..<3 { _ = scanner.send(.attach(sendingTo: "q", name: "link", handle: UInt32(handle))) }
        for handle in 0..<2 {
            _ = scanner.send(Frame(.detach, ["handle": .uint(UInt32(handle))]))
            #expect(scanner.receive(Frame(.detach, ["handle": .uint(UInt32(handle))])).isEmpty)
        }
        _ = scanner.receive(.flow(credit: 4, handle: 2, ["echo": true, "next-outgoing-id": 7]))
        #expect(scanner.answers() == [Self.flow(Self.link(handle: 2, count: 0, credit: 4))])
        #expect(scanner.linkCount == 1)
    }

    @Test func theTwoEndsOfANameAreTwoLinks() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach("link", isLocalSender: true, peer: 0, ours: 0)
        let other = Frame.attach(sendingTo: "q", name: "link", handle: 1)
        #expect(scanner.receive(other) == [other])
    }

    @Test func aDetachedLinkIsAttachedAgain() {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach("link", isLocalSender: true, peer: 0, ours: 0)
        let frames = [
            Frame(.detach, ["handle": 0, "closed": true]), Frame.attach(receivingFrom: "q", name: "link", handle: 0),
        ]
        #expect(Frame.parse(scanner.receive(frames.flatMap(\.bytes))) == frames)
    }

    // MARK: Frames that do not leave

    @Test(arguments: [1, 5, 100, 10_000])
    func scratchLinksDoNotLeave(step: Int) throws {
        let scanner = Scanner()
        scanner.begin()
        var attach = Frame.attach(sendingTo: "", handle: 9)
        attach["name"] = "ab"
        var bytes = attach.bytes
        let place = try #require(bytes.firstRange(of: Array("ab".utf8)))
        bytes.replaceSubrange(place, with: FrameScanner.scratchName)
        _ = scanner.receive(Self.echo())
        let frames = Frame(.empty).bytes + bytes + Frame(.detach, ["handle": 9]).bytes + Frame.transfer(id: 0).bytes
        var sent: [UInt8] = []
        for start in stride(from: 0, to: frames.count, by: step) {
            sent += scanner.send(Array(frames[start..<min(start + step, frames.count)]))
        }
        #expect(Frame.parse(sent).filter { $0.kind != .flow } == [Frame(.empty), .transfer(id: 0)])
        #expect(Frame.parse(sent).count { $0.kind == .flow } == 1)
        #expect(scanner.hasNoScratchLinks)
    }
}
