// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Testing

/// Links: opening, closing, detaching, and what the two ends tell each other of themselves.
struct LinkTests {
    @Test(arguments: [1, 7, .max])
    func opensAndCloses(step: Int) throws {
        let pair = EnginePair()
        pair.client.connection.open()
        let session = try pair.client.connection.session()
        let sender = try session.makeSender(name: "out")
        let receiver = try session.makeReceiver(name: "in")
        #expect(sender.state == EndpointState(local: .uninitialized, remote: .uninitialized))
        sender.open()
        receiver.open()
        try pair.pump(step: step)
        #expect(sender.state == .active && receiver.state == .active)
        #expect(sender.isSender && !sender.isReceiver && receiver.isReceiver && !receiver.isSender)
        #expect(pair.server.connection.links.map(\.name) == ["out", "in"])
        #expect(pair.server.connection.links.map(\.isSender) == [false, true])
        sender.close()
        try pair.pump(step: step)
        #expect(sender.state == .closed && receiver.state == .active)
        #expect(pair.server.connection.links.map(\.name) == ["in"])
        for peer in [pair.client, pair.server] {
            #expect(peer.events.count("link.remoteOpen") == 2)
            #expect(peer.events.count("link.remoteClose") == 1)
            #expect(peer.events.count("link.final") == 1)
        }
    }

    @Test func closesWithACondition() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender()
        var told: Condition?
        pair.client.events.react = { event in
            if case .link(.remoteClose, let link) = event { told = link.remoteCondition }
        }
        let condition = Condition(.notFound, "no such queue", info: ["queue": "target"])
        receiver.close(condition)
        receiver.close("a:second")
        #expect(receiver.condition == condition)
        try pair.pump()
        #expect(told == condition)
        #expect(sender.remoteCondition == condition && sender.condition == nil)
    }

    @Test func detachesWithoutClosing() throws {
        let pair = EnginePair()
        let (sender, _) = try pair.openSender()
        sender.detach()
        try pair.pump()
        #expect(pair.server.events.count("link.remoteDetach") == 1)
        #expect(pair.server.events.count("link.remoteClose") == 0)
        #expect(pair.client.events.count("link.localDetach") == 1)
        #expect(pair.server.connection.links.isEmpty)
        // The name is free again.
        let again = try pair.openSender(credit: 1)
        #expect(again.sender.state == .active && again.sender.credit == 1)
    }

    @Test func settleModesSizesAndPropertiesCross() throws {
        var serverLimits = ConnectionLimits()
        serverLimits.maxMessageSize = 5_000
        let pair = EnginePair(serverLimits: serverLimits)
        let (sender, receiver) = try pair.openSender { sender in
            sender.senderSettleMode = .settled
            sender.receiverSettleMode = .second
            sender.maxMessageSize = 1_234
            sender.properties = ["who": "swift", "level": .ubyte(3)]
        }
        #expect(receiver.remoteSenderSettleMode == .settled && receiver.remoteReceiverSettleMode == .second)
        #expect(receiver.remoteMaxMessageSize == 1_234 && receiver.remoteProperties == sender.properties)
        #expect(sender.remoteMaxMessageSize == 5_000)
        #expect(sender.remoteSenderSettleMode == .mixed && sender.remoteReceiverSettleMode == .first)
        #expect(sender.senderSettleMode == .settled && sender.receiverSettleMode == .second)
    }

    @Test(arguments: [SenderSettleMode.settled, .unsettled, .mixed])
    func senderSettleModes(_ mode: SenderSettleMode) throws {
        let (sender, receiver) = try EnginePair().openSenderKeeping { $0.senderSettleMode = mode }
        #expect(sender.senderSettleMode == mode && receiver.value.remoteSenderSettleMode == mode)
    }

    @Test func aRefusedLinkHasNoTarget() throws {
        let pair = EnginePair()
        pair.server.events.react = { event in
            guard case .link(.remoteOpen, let link) = event else { return event.answer() }
            link.target.kind = .unspecified
            link.open()
            link.close(.init(.unauthorizedAccess, "not you"))
        }
        pair.client.connection.open()
        let sender = try pair.client.connection.session().makeSender(name: "s")
        sender.target.address = "secret"
        var seen: (kind: Terminus.Kind, condition: Condition?)?
        pair.client.events.react = { event in
            if case .link(.remoteClose, let link) = event { seen = (link.remoteTarget.kind, link.remoteCondition) }
        }
        sender.open()
        try pair.pump()
        #expect(seen?.kind == .unspecified && seen?.condition?.name == .unauthorizedAccess)
    }

    @Test func eventsGoToTheNearestHandler() throws {
        let pair = EnginePair()
        pair.client.connection.open()
        let session = try pair.client.connection.session()
        let plain = try session.makeSender(name: "plain")
        let special = try session.makeSender(name: "special")
        let sessionEvents = EventRecorder()
        let linkEvents = EventRecorder()
        session.eventHandler = sessionEvents
        special.eventHandler = linkEvents
        plain.open()
        special.open()
        try pair.pump()
        #expect(linkEvents.names == ["link.initialized", "link.localOpen", "link.remoteOpen"])
        #expect(sessionEvents.count("link.remoteOpen") == 1 && sessionEvents.count("session.remoteOpen") == 1)
        #expect(pair.client.events.count("link.remoteOpen") == 0)
        #expect(pair.client.events.count("connection.remoteOpen") == 1)
        session.eventHandler = nil
        plain.close()
        try pair.pump()
        #expect(pair.client.events.count("link.remoteClose") == 1)
    }

    @Test func theEndOfASessionEndsItsLinks() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 5)
        let delivery = try sender.send(Message(body: 1))
        try pair.pump()
        sender.session.close()
        try pair.pump()
        #expect(sender.session.state == .closed && sender.state == .closed && receiver.state == .closed)
        #expect(delivery.isSettled && delivery.tag.isEmpty)
        #expect(pair.client.connection.state == .active && pair.client.connection.links.isEmpty)
    }
}

extension EnginePair {
    /// A pair and its link, for a test that needs the pair for nothing else but to live.
    fileprivate func openSenderKeeping(
        _ set: (Sender) -> Void
    ) throws -> (sender: Sender, receiver: (value: Receiver, pair: EnginePair)) {
        let (sender, receiver) = try openSender(credit: 0, set)
        return (sender, (receiver, self))
    }
}
