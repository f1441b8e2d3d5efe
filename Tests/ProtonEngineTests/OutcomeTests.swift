// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// What receivers make of messages: every state and outcome with its fields, to the sender and back.
struct OutcomeTests {
    static let states: [DeliveryState] = [
        .accepted,
        .released,
        .rejected(),
        .rejected("app:bad"),
        .rejected(Condition(.decodeError, "not a number", info: ["field": "age", "at": .uint(12)])),
        .modified(),
        .modified(deliveryFailed: true),
        .modified(undeliverableHere: true),
        .modified(deliveryFailed: true, undeliverableHere: true, annotations: ["x-opt-tries": 3, "x-opt-by": "us"]),
        .received(sectionNumber: 2, sectionOffset: 5_000_000_000),
        .declared(id: [0, 1, 2, 255]),
        .transactional(id: [7]),
        .transactional(id: [7], outcome: .accepted),
        .transactional(id: [7], outcome: .modified(deliveryFailed: true, annotations: ["x-opt-by": "us"])),
        .custom(code: 0x468c_0000_0099, fields: ["what", .uint(3)]),
    ]

    /// A pair on which a message was sent and taken; `taken` is the server's delivery, `news` what the client learns.
    private struct Exchange {
        let pair = EnginePair()
        let sent: Delivery
        let taken: Delivery
        let news = Box<[Delivery.RemoteUpdate]>([])

        init(settling: Bool = true) throws {
            let taken = Box<Delivery?>(nil)
            pair.server.events.react = { event in
                event.answer()
                guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
                _ = delivery.takeBytes()
                taken.value = delivery
            }
            pair.client.events.react = { [news] event in
                guard case .delivery(let delivery) = event, let new = delivery.remoteUpdate() else { return }
                news.value.append(new)
                if settling, new.isSettled { delivery.settle() }
            }
            let (sender, _) = try pair.openSender(credit: 10)
            sent = try sender.send(Message(body: 1))
            try pair.pump()
            guard let delivery = taken.value else { throw PairError(what: "Nothing came.") }
            self.taken = delivery
        }
    }

    @Test(arguments: states)
    func settledWithAState(_ state: DeliveryState) throws {
        let exchange = try Exchange()
        exchange.taken.settle(state)
        try exchange.pair.pump()
        #expect(exchange.news.value.map(\.state) == [state])
        #expect(exchange.news.value.map(\.isSettled) == [true])
        #expect(exchange.sent.isSettled && exchange.taken.isSettled)
        #expect(exchange.sent.link.unsettledCount == 0 && exchange.taken.link.unsettledCount == 0)
    }

    @Test(arguments: states)
    func updatedThenSettled(_ state: DeliveryState) throws {
        let exchange = try Exchange(settling: false)
        exchange.taken.update(state)
        #expect(exchange.taken.localState == state && !exchange.taken.isSettled)
        try exchange.pair.pump()
        #expect(exchange.news.value.map(\.state) == [state] && exchange.news.value.map(\.isSettled) == [false])
        #expect(exchange.sent.remoteState == state && !exchange.sent.isSettled)
        exchange.sent.settle()
        try exchange.pair.pump()
        #expect(exchange.taken.arrival() == .settled && exchange.taken.isSettled)
        exchange.taken.settle()
        try exchange.pair.pump()
        #expect(exchange.taken.link.unsettledCount == 0 && exchange.sent.link.unsettledCount == 0)
    }

    @Test func theSenderSettlesFirst() throws {
        let exchange = try Exchange()
        var arrivals: [Delivery.Arrival] = []
        exchange.pair.server.events.react = { event in
            if case .delivery(let delivery) = event { arrivals.append(delivery.arrival()) }
        }
        exchange.sent.settle(.accepted)
        try exchange.pair.pump()
        #expect(arrivals == [.settled])
        #expect(exchange.taken.remoteState == .accepted && exchange.taken.isSettled)
    }

    @Test func acceptedWhereUndecided() throws {
        let undecided = try Exchange()
        undecided.taken.acceptIfUndecided()
        try undecided.pair.pump()
        #expect(undecided.news.value.map(\.state) == [.accepted])

        let decided = try Exchange()
        decided.taken.update(.released)
        decided.taken.acceptIfUndecided()
        try decided.pair.pump()
        #expect(decided.news.value.map(\.state) == [.released] && decided.news.value.map(\.isSettled) == [false])

        let settled = try Exchange()
        settled.taken.settle(.rejected())
        settled.taken.acceptIfUndecided()
        try settled.pair.pump()
        #expect(settled.news.value.map(\.state) == [.rejected()])
    }

    @Test func aLaterStateReplacesAnEarlierOne() throws {
        let exchange = try Exchange()
        exchange.taken.update(.received(sectionNumber: 1, sectionOffset: 2))
        try exchange.pair.pump()
        exchange.taken.settle(.modified(deliveryFailed: true))
        try exchange.pair.pump()
        #expect(
            exchange.news.value.map(\.state)
                == [.received(sectionNumber: 1, sectionOffset: 2), .modified(deliveryFailed: true)])
    }

    @Test func oneDispositionSettlesMany() throws {
        let raw = RawPeer(isServer: false)
        var outcomes: [Outcome?] = []
        raw.peer.events.react = { event in
            guard case .delivery(let delivery) = event, let news = delivery.remoteUpdate() else { return }
            outcomes.append(news.state?.outcome)
            delivery.settle()
        }
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        sender.open()
        try raw.send(Frame.header + Frame.open().bytes + Frame.begin(["remote-channel": 0]).bytes)
        try raw.send(.attach(receivingFrom: "source"), .flow(credit: 10))
        for number in 0..<5 { try sender.send(Message(body: number)) }
        try raw.pump()
        try raw.send(.disposition(.accepted, 0, ["last": 2]), .disposition(.accepted, 4))
        #expect(outcomes == [.accepted, .accepted, .accepted, .accepted] && sender.unsettledCount == 1)
    }

    @Test func aStateIsNewOnce() throws {
        let exchange = try Exchange()
        exchange.taken.update(.accepted)
        try exchange.pair.pump()
        exchange.taken.settle()
        try exchange.pair.pump()
        #expect(exchange.news.value.map(\.state) == [.accepted, .accepted])
        #expect(exchange.news.value.map(\.isNew) == [true, false])
        #expect(exchange.news.value.map(\.isSettled) == [false, true])
    }

    @Test func aSendersStateIsToldToTheReceiver() throws {
        let exchange = try Exchange()
        var arrivals: [Delivery.Arrival] = []
        exchange.pair.server.events.react = { event in
            if case .delivery(let delivery) = event { arrivals.append(delivery.arrival()) }
        }
        exchange.sent.update(.transactional(id: [1]))
        try exchange.pair.pump()
        #expect(exchange.taken.remoteState == .transactional(id: [1]))
        exchange.sent.settle()
        try exchange.pair.pump()
        #expect(arrivals == [.updated, .settled])
    }

    @Test(arguments: [SenderSettleMode.unsettled, .settled])
    func aMessageCanBringItsState(_ mode: SenderSettleMode) throws {
        let pair = EnginePair()
        var states: [DeliveryState?] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            states.append(delivery.remoteState)
            _ = delivery.takeBytes()
            delivery.settle()
        }
        let (sender, _) = try pair.openSender(credit: 3) { $0.senderSettleMode = mode }
        try sender.send(Message(body: 1), state: .transactional(id: [4, 2]))
        try sender.send(Message(body: 2), tag: [9], state: .transactional(id: [5]))
        try sender.send(Message(body: 3))
        try pair.pump()
        #expect(states == [.transactional(id: [4, 2]), .transactional(id: [5]), nil])
    }

    @Test func annotationsOfAnEarlierStateAreGone() throws {
        let exchange = try Exchange()
        exchange.taken.update(.modified(annotations: ["a": 1]))
        exchange.taken.settle(.modified(deliveryFailed: true))
        try exchange.pair.pump()
        #expect(exchange.news.value.map(\.state) == [.modified(deliveryFailed: true)])
    }

    @Test func anUnknownStateKeepsItsFields() throws {
        let raw = RawPeer(isServer: false)
        var news: [Delivery.RemoteUpdate] = []
        raw.peer.events.react = { event in
            if case .delivery(let delivery) = event, let new = delivery.remoteUpdate() { news.append(new) }
        }
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        sender.open()
        try raw.send(Frame.header + Frame.open().bytes + Frame.begin(["remote-channel": 0]).bytes)
        try raw.send(.attach(receivingFrom: "source"), .flow(credit: 10))
        try sender.send(Message(body: 1))
        try raw.pump()
        let odd = DeliveryState.custom(code: 0x7777, fields: ["what"])
        try raw.send(.disposition(odd, 0))
        #expect(news.count == 1 && news.first?.isSettled == true)
        #expect(news.first?.state == odd)
    }
}
