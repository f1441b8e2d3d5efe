// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Which callbacks a sender gets for what a receiver says, and how often.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct OutcomeCallbackTests {
    private static let callbacks = ["onAccepted", "onRejected", "onReleased", "onDeliveryUpdated", "onSettled"]

    /// The callbacks for states that a receiver gives one after the other, each when the one before has arrived, and for
    /// its settling after them.
    private static func lines(_ states: [DeliveryState]) async throws -> (lines: [String], states: [DeliveryState?]) {
        try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: false))
            var received: Delivery?
            var seen: [DeliveryState?] = []
            var rest = states[...]
            func next() {
                if let state = rest.popFirst() { received?.update(state) } else { received?.settle() }
            }
            exchange.server.on("onMessage") { (event: MessageEvent) in
                received = event.delivery
                next()
            }
            var isSent = false
            exchange.client.on("onSendable") { (event: SenderEvent) in
                guard !isSent else { return }
                isSent = true
                try event.sender.send(Message(body: 1))
            }
            for name in callbacks {
                exchange.client.on(name) { (event: DeliveryEvent) in
                    seen.append(event.delivery.remoteState)
                    if name == "onSettled" { return event.connection.close() }
                    // Of the other connection, which a loop of one thread allows.
                    next()
                }
            }
            try exchange.run { container, connection in try container.createSender(connection, "q") }
            return (exchange.lines(of: exchange.client, callbacks.contains), seen)
        }
    }

    static let outcomes: [(DeliveryState, String)] = [
        (.accepted, "onAccepted"), (.rejected("a:b"), "onRejected"), (.released, "onReleased"),
        (.modified(deliveryFailed: true, annotations: ["x": 1]), "onReleased"),
        (.received(sectionNumber: 1, sectionOffset: 2), "onDeliveryUpdated"),
        (.transactional(id: [1], outcome: .accepted), "onDeliveryUpdated"), (.declared(id: [1]), "onDeliveryUpdated"),
    ]

    @Test(arguments: outcomes.indices)
    func anOutcomeIsToldOnceThoughItIsSettledLater(_ index: Int) async throws {
        let (state, callback) = Self.outcomes[index]
        let (lines, states) = try await Self.lines([state])
        #expect(lines.filter { $0 != "onSettled" }.first == callback && lines.last == "onSettled")
        if state.outcome != nil || state == .declared(id: [1]) { #expect(lines == [callback, "onSettled"]) }
        // How much has come is no outcome: what is settled then is given back.
        let last: DeliveryState = if case .received = state { .released } else { state }
        #expect(states.first == state && states.dropFirst().allSatisfy { $0 == last })
    }

    @Test func eachNewStateIsTold() async throws {
        let (lines, states) = try await Self.lines([
            .received(sectionNumber: 0, sectionOffset: 1), .received(sectionNumber: 0, sectionOffset: 2), .released,
            .accepted,
        ])
        #expect(lines == ["onDeliveryUpdated", "onDeliveryUpdated", "onReleased", "onAccepted", "onSettled"])
        #expect(states.first == .received(sectionNumber: 0, sectionOffset: 1) && states.last == .accepted)
    }

    @Test func aSendersWordReachesTheReceiver() async throws {
        let states = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: false))
            var states: [DeliveryState?] = []
            var sent: Delivery?
            exchange.client.on("onSendable") { (event: SenderEvent) in
                guard sent == nil else { return }
                sent = try event.sender.send(Message(body: 1), state: .transactional(id: [1]))
            }
            exchange.server.on("onMessage") { (event: MessageEvent) in
                states.append(event.delivery.remoteState)
                event.delivery.update(.received(sectionNumber: 0, sectionOffset: 0))
            }
            exchange.client.on("onDeliveryUpdated") { (event: DeliveryEvent) in event.delivery.update(.released) }
            exchange.server.on("onDeliveryUpdated") { (event: DeliveryEvent) in
                states.append(event.delivery.remoteState)
                event.connection.close()
            }
            try exchange.run { container, connection in try container.createSender(connection, "q") }
            return states
        }
        #expect(states == [.transactional(id: [1]), .released])
    }

    /// Proton drops a state that it does not know; that something was said is told, and the message stays unsettled
    /// until there is an outcome.
    @Test func aStateThatCannotBeSeenIsToldAndSettlesNothing() async throws {
        let (lines, unsettled) = try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            try peer.send(.begin(answering: peer.expect(.begin)))
            try peer.send(.attach(answering: peer.expect(.attach)), .flow(credit: 1))
            try peer.expect(.transfer)
            let state = AMQPValue.described(Described(descriptor: .symbol("acme:released:list"), value: []))
            try peer.send(.disposition(.accepted, 0, ["state": state, "settled": false]))
            // Not before the client has seen it: proton tells of two dispositions at once as of one.
            try peer.expect(.attach)
            try peer.send(.disposition(.accepted, 0))
            try peer.expect(.close, skipping: .disposition)
            try peer.send(.close())
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            var unsettled: [Int] = []
            client.on("onStart") { (event: ContainerEvent) in
                try event.container.createSender(try event.container.connect(address), "q")
            }
            client.on("onSendable") { (event: SenderEvent) in try event.sender.send(Message(body: 1)) }
            client.on("onDeliveryUpdated") { (event: DeliveryEvent) in
                #expect(event.delivery.remoteState == nil && !event.delivery.isSettled)
                unsettled.append(event.link.unsettledCount)
                try event.container.createSender(event.connection, "seen")
            }
            client.on("onSettled") { (event: DeliveryEvent) in event.connection.close() }
            try Container(client, options: .once).run()
            return (client.journal.lines.map { String($0.dropFirst(7)) }.filter(Self.callbacks.contains), unsettled)
        }
        #expect(lines == ["onDeliveryUpdated", "onAccepted", "onSettled"] && unsettled == [1])
    }
}
