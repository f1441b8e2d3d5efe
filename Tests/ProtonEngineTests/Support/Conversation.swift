// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

@testable import ProtonEngine

/// A whole conversation that runs by itself: sessions, links, messages both ways with all outcomes, and every closing.
///
/// It is made of reactions to events only, so that it can break off anywhere.
struct Conversation {
    let pair: EnginePair

    init(usesSASL: Bool = false) throws {
        var limits = ConnectionLimits()
        limits.maxFrameSize = 512
        pair = EnginePair(clientLimits: limits, serverLimits: limits, usesSASL: usesSASL)
        pair.client.events.react = Conversation.client
        pair.server.events.react = Conversation.server
        let connection = pair.client.connection
        connection.hostname = "host"
        connection.properties = ["product": "test"]
        connection.offeredCapabilities = ["a", "b"]
        connection.open()
        let session = try connection.session()
        let sender = try session.makeSender(name: "out")
        sender.target.address = "queue"
        sender.open()
        let receiver = try session.makeReceiver(name: "in")
        receiver.source.filter = [.symbol("f"): "x"]
        receiver.open()
        try receiver.flow(3)
    }

    /// Whether it came to its end.
    var isComplete: Bool {
        pair.client.events.count("connection.remoteClose") == 1 && pair.server.connection.state == .closed
    }

    /// Sends four messages, the second one in several frames; takes what comes; then closes everything in turn.
    private static func client(_ event: EngineEvent) throws {
        switch event {
        case .link(.flow, let link):
            guard let sender = link as? Sender, sender.attachment == nil, sender.credit >= 4 else { return }
            let sent = Box(0)
            sender.attachment = sent
            for size in [1, 1_500, 10, 0] {
                try sender.send(Message(id: .ulong(UInt64(size)), body: .data([UInt8](repeating: 7, count: size))))
            }
        case .delivery(let delivery):
            if delivery.link.isSender {
                guard let news = delivery.remoteUpdate(), news.isSettled else { return }
                delivery.settle()
                let settled = delivery.link.attachment as? Box<Int>
                settled?.value += 1
                if settled?.value == 4 { delivery.link.close() }
            } else if delivery.arrival() == .complete {
                _ = try delivery.takeMessage()
                delivery.settle(.accepted)
                if delivery.link.credit == 0 { delivery.link.close("done:here") }
            }
        case .link(.remoteClose, let link) where link.isReceiver: link.session.close()
        case .session(.remoteClose, let session): session.connection.close(Condition("bye:bye", "that is all"))
        default: break
        }
    }

    /// Gives each message another outcome, and sends three of its own.
    private static func server(_ event: EngineEvent) throws {
        event.answer()
        switch event {
        case .link(.remoteOpen, let link): try (link as? Receiver)?.flow(4)
        case .link(.flow, let link):
            guard let sender = link as? Sender else { return }
            while sender.credit > 0 { try sender.send(Message(body: "from the server")) }
        case .delivery(let delivery):
            if delivery.link.isSender {
                if delivery.remoteUpdate()?.isSettled == true { delivery.settle() }
            } else if delivery.arrival() == .complete {
                let message = try delivery.takeMessage()
                switch message.id {
                case 1: delivery.settle(.accepted)
                case 10: delivery.settle(.rejected(Condition("no:good", "bad", info: ["a": 1])))
                case 0: delivery.settle(.modified(deliveryFailed: true, annotations: ["x-opt-a": 1]))
                default:
                    delivery.update(.received(sectionNumber: 1, sectionOffset: 1))
                    delivery.settle(.released)
                }
            }
        default: break
        }
    }
}

/// The wrappers of a conversation, without keeping them.
struct WeakWrappers {
    private weak var client: Connection?
    private weak var server: Connection?
    private weak var session: Session?
    private weak var sender: Link?
    private weak var receiver: Link?

    init(_ pair: EnginePair) {
        client = pair.client.connection
        server = pair.server.connection
        let links = pair.client.connection.links
        session = links.first?.session
        (sender, receiver) = (links.first, links.last)
    }

    var areGone: Bool { client == nil && server == nil && session == nil && sender == nil && receiver == nil }
}
