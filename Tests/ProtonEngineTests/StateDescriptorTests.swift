// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// Outcomes as peers write them: with the descriptor as a number or as a symbol, by themselves or in a transaction's state.
struct StateDescriptorTests {
    /// How a descriptor is written.
    enum Form: CaseIterable {
        case number, symbol
    }

    static let outcomes: [Outcome] = [
        .accepted, .rejected, .rejected(Condition(.notFound, "no such queue", info: ["a": 1])), .released, .modified(),
        .modified(deliveryFailed: true, undeliverableHere: true, annotations: ["x-opt-a": 1]),
    ]

    private static let names: [UInt64: Symbol] = [
        0x1d: "amqp:error:list", 0x24: "amqp:accepted:list", 0x25: "amqp:rejected:list", 0x26: "amqp:released:list",
        0x27: "amqp:modified:list", 0x34: "amqp:transactional-state:list",
    ]

    /// A value with its descriptors in a form.
    private static func write(_ value: AMQPValue, _ form: Form) -> AMQPValue {
        switch value {
        case .described(let described):
            var descriptor = described.descriptor
            if form == .symbol, let name = descriptor.integer().flatMap({ names[$0] }) { descriptor = .symbol(name) }
            return .described(Described(descriptor: descriptor, value: write(described.value, form)))
        case .list(let elements): return .list(elements.map { write($0, form) })
        default: return value
        }
    }

    /// What the engine makes of a disposition about a message that it has sent.
    private struct Seen {
        var news: [Delivery.RemoteUpdate] = []
        var state: DeliveryState?
        var isSettled = false
        var isAccepted = false
        var hasState = false
        var unsettled = 0
    }

    private static func disposition(_ state: AMQPValue, isSettled: Bool) throws -> Seen {
        let raw = RawPeer(isServer: false)
        var seen = Seen()
        raw.peer.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, let news = delivery.remoteUpdate() else { return }
            seen.news.append(news)
            (seen.isAccepted, seen.hasState) = (delivery.newAcceptance != .none, delivery.hasRemoteState)
        }
        try raw.open(session: false)
        let session = try raw.peer.connection.session()
        session.open()
        let sender = try session.makeSender(name: "link")
        sender.open()
        try raw.send(.begin(["remote-channel": .ushort(0)]), .attach(receivingFrom: "a"), .flow(credit: 1))
        let delivery = try sender.send(Message(body: 1))
        try raw.send(
            Frame(
                .disposition, ["role": true, "first": 0, "settled": .boolean(isSettled), "state": state]))
        (seen.state, seen.isSettled, seen.unsettled) = (delivery.remoteState, delivery.isSettled, sender.unsettledCount)
        return seen
    }

    @Test(arguments: outcomes, [true, false])
    func aNumber(_ outcome: Outcome, isSettled: Bool) throws {
        let seen = try Self.disposition(outcome.described, isSettled: isSettled)
        #expect(seen.news.map(\.state) == [.outcome(outcome)] && seen.news.map(\.isSettled) == [isSettled])
        #expect(seen.state == .outcome(outcome) && seen.isSettled == isSettled)
    }

    @Test(arguments: outcomes, Form.allCases)
    func inATransaction(_ outcome: Outcome, _ form: Form) throws {
        let state = DeliveryState.transactional(id: [7], outcome: outcome)
        let nested = AMQPValue.list([.binary([7]), Self.write(outcome.described, form)])
        let seen = try Self.disposition(
            .described(Described(descriptor: .ulong(0x34), value: nested)), isSettled: false)
        #expect(seen.news.map(\.state) == [state] && seen.state == state && !seen.isSettled)
    }

    /// Proton 0.37 drops the state of a disposition, not the disposition: the message ends without an outcome, if it is
    /// settled, and is never taken for accepted.
    @Test(arguments: outcomes, [true, false])
    func aSymbolIsNotSeen(_ outcome: Outcome, isSettled: Bool) throws {
        let seen = try Self.disposition(Self.write(outcome.described, .symbol), isSettled: isSettled)
        #expect(seen.news.count == 1 && seen.news.first?.state == nil && seen.news.first?.isSettled == isSettled)
        #expect(seen.state == nil && seen.isSettled == isSettled && !seen.isAccepted && !seen.hasState)
    }

    @Test func aStateOfATransactionByASymbolIsNotSeenEither() throws {
        let state = DeliveryState.transactional(id: [7], outcome: .accepted)
        let seen = try Self.disposition(Self.write(state.described, .symbol), isSettled: false)
        #expect(seen.news.count == 1 && seen.news.first?.state == nil && seen.state == nil && !seen.isSettled)
    }

    static let unknown: [(AMQPValue, DeliveryState)] = [
        (.described(Described(descriptor: .ulong(0x99), value: [1])), .custom(code: 0x99, fields: [1])),
        // An outcome that is unknown, or is none, in a transaction.
        (
            .described(
                Described(
                    descriptor: .ulong(0x34),
                    value: [.binary([7]), .described(Described(descriptor: .symbol("a:b:list"), value: []))])),
            .custom(
                code: 0x34, fields: [.binary([7]), .described(Described(descriptor: .symbol("a:b:list"), value: []))])
        ),
        (.described(Described(descriptor: .ulong(0x34), value: [5])), .custom(code: 0x34, fields: [5])),
    ]

    @Test(arguments: unknown.indices)
    func unknownStatesAreToldAndSettleNothing(_ index: Int) throws {
        let (value, state) = Self.unknown[index]
        let seen = try Self.disposition(value, isSettled: false)
        #expect(seen.news.map(\.state) == [state] && seen.state == state)
        #expect(state.outcome == nil && !seen.isSettled && seen.unsettled == 1)
    }

    // MARK: Transfers

    /// The state that comes with a transfer, as the receiver sees it.
    private static func state(withTransferOf state: AMQPValue) throws -> DeliveryState? {
        let raw = RawPeer()
        var states: [DeliveryState?] = []
        raw.peer.events.react = { event in
            event.answer()
            if case .link(.remoteOpen, let link) = event, let receiver = link as? Receiver { try receiver.flow(1) }
            if case .delivery(let delivery) = event { states.append(delivery.remoteState) }
        }
        try raw.open()
        try raw.send(.attach(sendingTo: "a"))
        try raw.send(.transfer(0, payload: Frame.message, ["state": state]))
        try #require(states.count == 1)
        return states[0]
    }

    @Test(arguments: outcomes)
    func ofATransfer(_ outcome: Outcome) throws {
        #expect(try Self.state(withTransferOf: outcome.described) == .outcome(outcome))
        for form in Form.allCases {
            let nested = AMQPValue.list([.binary([7]), Self.write(outcome.described, form)])
            #expect(
                try Self.state(withTransferOf: .described(Described(descriptor: .ulong(0x34), value: nested)))
                    == .transactional(id: [7], outcome: outcome))
        }
        #expect(try Self.state(withTransferOf: Self.write(outcome.described, .symbol)) == nil)
    }

    @Test func howFarATransferHasCome() throws {
        let state = DeliveryState.received(sectionNumber: 1, sectionOffset: 2)
        #expect(try Self.state(withTransferOf: state.described) == state)
    }

    // MARK: Termini

    @Test func theOutcomesOfASourceAreSymbols() throws {
        let names: [Symbol] = ["amqp:accepted:list", "amqp:released:list"]
        let forms: [(AMQPValue, [Symbol])] = [
            (.array(AMQPArray(names)), names), (.symbol(names[0]), [names[0]]), (.null, []),
            // No symbols, though they stand for outcomes: they name none.
            (.list([.ulong(0x24)]), []),
        ]
        for (value, expected) in forms {
            let raw = RawPeer()
            try raw.open()
            let source = AMQPValue.described(
                Described(
                    descriptor: .ulong(0x28),
                    value: ["a", .null, .null, .null, .null, .null, .null, .null, Outcome.released.described, value]))
            try raw.send(.attach(sendingTo: "a", ["source": source]))
            #expect(raw.peer.connection.links.first?.remoteSource.outcomes == expected)
        }
    }
}
