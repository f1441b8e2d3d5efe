// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// What is kept too long: after its end it does nothing, and never touches what took its place.
struct LifetimeTests {
    @Test func aSettledDeliveryIsInert() throws {
        let pair = EnginePair()
        var kept: [Delivery] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            _ = delivery.takeBytes()
            delivery.settle(.accepted)
            kept.append(delivery)
        }
        pair.client.events.react = { event in
            if case .delivery(let delivery) = event { delivery.settle() }
        }
        let (sender, receiver) = try pair.openSender(credit: 100)
        var sent: [Delivery] = []
        for number in 0..<10 {
            sent.append(try sender.send(Message(body: number)))
            try pair.pump()
        }
        // Slots are used again, each time under another name.
        #expect(Set(sent).count == 10 && Set(kept).count == 10)
        let last = try sender.send(Message(body: "last"))
        for delivery in sent + kept {
            Self.useAll(of: delivery)
            #expect(delivery.isSettled && delivery.tag.isEmpty && delivery.remoteState == nil && delivery != last)
        }
        #expect(!last.isSettled && !last.tag.isEmpty && sender.unsettledCount == 1)
        try pair.pump()
        #expect(receiver.unsettledCount == 0 && sender.unsettledCount == 0)
    }

    @Test func aFreedLinkIsInert() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 10)
        let delivery = try sender.send(Message(body: 1))
        try pair.pump()
        sender.close()
        try pair.pump()
        Self.useAll(of: delivery)
        for link in [sender, receiver] { try Self.useAll(of: link) }
        #expect(sender.name == "sender" && sender.state == .closed && receiver.state == .closed)
        #expect(throws: ProtonError.self) { try sender.send(Message(body: 1)) }
        // What took its place on the session is another link.
        let next = try pair.openSender(credit: 1, named: "next")
        try Self.useAll(of: sender)
        #expect(next.sender.state == .active && next.sender.credit == 1)
    }

    @Test func anEndedSessionIsInert() throws {
        let pair = EnginePair()
        let (sender, _) = try pair.openSender(credit: 10)
        let session = sender.session
        session.close()
        try pair.pump()
        Self.useAll(of: session)
        try Self.useAll(of: sender)
        #expect(session.state == .closed)
    }

    @Test func everythingIsInertAfterTheConnection() throws {
        let pair = Box<EnginePair?>(EnginePair())
        let links = try #require(pair.value).openSender(credit: 10)
        let delivery = try links.sender.send(Message(body: 1))
        try pair.value?.pump()
        let connection = links.sender.connection
        let transport = try #require(connection.transport)
        pair.value = nil
        Self.useAll(of: delivery)
        try Self.useAll(of: links.sender)
        try Self.useAll(of: links.receiver)
        Self.useAll(of: links.sender.session)
        #expect(connection.state == .closed && connection.links.isEmpty && connection.transport == nil)
        connection.open()
        connection.close("a:b")
        connection.containerID = "x"
        connection.properties = ["a": 1]
        connection.offeredCapabilities = ["a"]
        #expect(connection.containerID == nil && connection.properties.isEmpty && connection.condition == nil)
        #expect(connection.remoteContainerID == nil && connection.remoteProperties.isEmpty && connection.user == nil)
        #expect(throws: ProtonError.self) { try connection.session() }
        #expect(throws: ProtonError.self) { try connection.makeSession() }
        #expect(transport.condition == nil && transport.remoteMaxFrameSize == 0 && !transport.isEncrypted)
        #expect(transport.framesSent == 0 && transport.remoteAddress == nil && transport.remoteIdleTimeout == .zero)
    }

    @Test func aConnectionThatWasNeverUsedGoesAway() {
        weak var connection: Connection?
        do {
            let made = Connection(limits: ConnectionLimits(), eventHandler: EventRecorder())
            made.open()
            connection = made
        }
        #expect(connection == nil)
    }

    @Test func wrappersGoWithTheirConnection() throws {
        weak var connection: Connection?
        weak var session: Session?
        weak var sender: Sender?
        weak var receiver: Receiver?
        try {
            let pair = EnginePair()
            let links = try pair.openSender(credit: 10)
            try links.sender.send(Message(body: 1))
            try pair.pump()
            (connection, session) = (links.sender.connection, links.sender.session)
            (sender, receiver) = (links.sender, links.receiver)
            #expect(receiver?.connection !== connection)
        }()
        #expect(connection == nil && session == nil && sender == nil && receiver == nil)
    }

    @Test func aHandlerThatKeepsItsEndpointsGoesToo() throws {
        weak var connection: Connection?
        weak var handler: EventRecorder?
        try {
            let pair = EnginePair()
            let links = try pair.openSender(credit: 10)
            let own = EventRecorder()
            let kept = Box<[Any]>([links.sender, try links.sender.send(Message(body: 1)), links.sender.session])
            own.react = { _ in kept.value.append(links.sender.connection) }
            pair.client.events.react = own.react
            links.sender.eventHandler = own
            links.sender.session.eventHandler = own
            try pair.pump()
            (connection, handler) = (links.sender.connection, own)
        }()
        #expect(connection == nil && handler == nil)
    }

    @Test func wrappersGoWithTheirLinkAndSession() throws {
        let pair = EnginePair()
        weak var session: Session?
        weak var sender: Sender?
        try {
            let links = try pair.openSender(credit: 10)
            (session, sender) = (links.sender.session, links.sender)
            links.sender.close()
            try pair.pump()
        }()
        #expect(sender == nil && session != nil)
        session?.close()
        try pair.pump()
        // The connection keeps its default session until another takes its place.
        _ = try pair.client.connection.session()
        #expect(session == nil)
    }

    @Test(.timeLimit(.minutes(2)), arguments: [false, true])
    func tenThousandLinksLeaveNothing(detaching: Bool) throws {
        let pair = EnginePair()
        try pair.open()
        let session = try pair.client.connection.session()
        var number = 0
        // Other tests run at the same time: what a link leaves behind would show in every round, their noise does not.
        // 2,000 links that each left so much as their `pn_link_t` would be well above a megabyte a round.
        let isQuiet = try (0..<50).contains { _ in
            guard let before = residentMemory() else { return true }
            for _ in 0..<2_000 {
                number += 1
                let sender = try session.makeSender(name: "link-\(number)")
                sender.open()
                try pair.pump()
                if detaching { sender.detach() } else { sender.close() }
                try pair.pump()
            }
            pair.client.events.clear()
            pair.server.events.clear()
            return residentMemory().map { $0 - before < 700_000 } ?? true
        }
        #expect(pair.client.connection.state == .active)
        #expect(pair.client.connection.links.isEmpty && pair.server.connection.links.isEmpty)
        #expect(isQuiet)
    }

    // MARK: Using everything

    private static func useAll(of delivery: Delivery) {
        delivery.update(.rejected(Condition(.notFound, "x", info: ["a": 1])))
        delivery.settle(.accepted)
        delivery.settle()
        delivery.abort()
        delivery.acceptIfUndecided()
        #expect(delivery.takeBytes().isEmpty && delivery.remoteUpdate() == nil && delivery.arrival() == .nothing)
        #expect(!delivery.isReadable && !delivery.isPartial && !delivery.isAborted && !delivery.isUpdated)
        #expect(delivery.pendingBytes == 0 && delivery.localState == nil)
    }

    private static func useAll(of link: Link) throws {
        link.open()
        link.close("a:b")
        link.detach()
        link.senderSettleMode = .settled
        link.receiverSettleMode = .second
        link.maxMessageSize = 5
        link.properties = ["a": 1]
        link.source.address = "x"
        link.target.capabilities = ["x"]
        link.source.copy(link.remoteSource)
        #expect(link.state == .closed && link.credit == 0 && link.queuedCount == 0 && link.unsettledCount == 0)
        #expect(link.condition == nil && link.properties.isEmpty && link.source.address == nil)
        #expect(link.remoteSource.filter.isEmpty && link.remoteTarget.kind == .unspecified)
        try (link as? Receiver)?.flow(5)
        try (link as? Receiver)?.drain(5)
        (link as? Sender)?.offered(5)
        _ = (link as? Sender)?.drained()
    }

    private static func useAll(of session: Session) {
        session.open()
        session.close("a:b")
        #expect(session.condition == nil && session.outgoingBytes == 0 && session.incomingBytes == 0)
        #expect(throws: ProtonError.self) { try session.makeSender(name: "x") }
        #expect(throws: ProtonError.self) { try session.makeReceiver(name: "x") }
    }
}
