// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Conditions, outcomes and delivery states, as Swift values and as described lists.
struct StateTests {
    static let states: [(DeliveryState, String)] = [
        (.received(sectionNumber: 1, sectionOffset: 300), "005323 c0 0c 02 5201 80000000000000012c"),
        (.accepted, "005324 45"),
        (.rejected(), "005325 45"),
        (.rejected(Condition(.notFound)), "005325c0170100531dc01101a30e616d71703a6e6f742d666f756e64"),
        (.released, "005326 45"),
        (.modified(), "005327 45"),
        (.modified(deliveryFailed: true), "005327 c0 02 01 41"),
        (.modified(undeliverableHere: true), "005327 c0 03 02 40 41"),
        (.modified(annotations: ["a": 1]), "005327 c0 0b 03 40 40 c1 06 02 a30161 5501"),
        (.declared(id: [1, 2]), "005333 c0 05 01 a0020102"),
        (.transactional(id: [1]), "005334 c0 04 01 a00101"),
        (.transactional(id: [1], outcome: .accepted), "005334 c0 08 02 a00101 005324 45"),
    ]

    @Test func bothWays() throws {
        for (state, encoding) in Self.states {
            #expect(try DeliveryState(described: state.described) == state)
            #expect(try text(state.described.encoded()) == encoding.filter { $0 != " " })
            if let outcome = state.outcome { #expect(try Outcome(described: outcome.described) == outcome) }
        }
        let condition = Condition(.internalError, "text", info: ["k": 1])
        #expect(try Condition(described: condition.described) == condition)
    }

    /// Every descriptor of a state, as a number and as a symbol.
    static let descriptors: [(code: UInt64, name: Symbol)] = [
        (0x23, "amqp:received:list"), (0x24, "amqp:accepted:list"), (0x25, "amqp:rejected:list"),
        (0x26, "amqp:released:list"), (0x27, "amqp:modified:list"), (0x33, "amqp:declared:list"),
        (0x34, "amqp:transactional-state:list"), (0x1d, "amqp:error:list"),
    ]

    /// The value with the descriptors of states in it as symbols.
    static func named(_ value: AMQPValue) -> AMQPValue {
        switch value {
        case .described(let described):
            let name = descriptors.first { .ulong($0.code) == described.descriptor }?.name
            return .described(
                Described(descriptor: name.map { .symbol($0) } ?? described.descriptor, value: named(described.value)))
        case .list(let elements): return .list(elements.map(named))
        default: return value
        }
    }

    @Test func symbolicDescriptors() throws {
        let condition = Condition(.notFound, "none", info: ["a": 1])
        let states =
            Self.states.map(\.0) + [.rejected(condition), .transactional(id: [1], outcome: .rejected(condition))]
        for state in states {
            let value = Self.named(state.described)
            #expect(value != state.described)
            #expect(try DeliveryState(described: value) == state)
            guard let outcome = state.outcome else { continue }
            #expect(try Outcome(described: value) == outcome)
            // Of a transaction: the state's descriptor, and the outcome's.
            for (inner, isNamed) in [(value, false), (value, true), (outcome.described, true)] {
                let nested = AMQPValue.list([.binary([1]), inner])
                let descriptor: AMQPValue = isNamed ? .symbol("amqp:transactional-state:list") : .ulong(0x34)
                let described = AMQPValue.described(Described(descriptor: descriptor, value: nested))
                #expect(try DeliveryState(described: described) == .transactional(id: [1], outcome: outcome))
            }
        }
        #expect(try Condition(described: Self.named(condition.described)) == condition)
    }

    @Test func defaultsThatAreWrittenOut() throws {
        let explicit = try AMQPValue(decoding: bytes("005327 c0 04 03 42 42 40"))
        #expect(try DeliveryState(described: explicit) == .modified())
    }

    @Test(arguments: [
        "00a30d616d71703a6163636570746564 45", "00a313616d71703a61636365707465643a6c69737432 45",
        "00a112616d71703a61636365707465643a6c697374 45", "005424 45", "007000000024 45", "00a30161 45", "0040 45",
        "005334 c0 09 02 a00101 00a30161 45", "005334 c0 08 02 a00101 005333 45", "005334 c0 08 02 a00101 005323 45",
        "005334 c0 0d 02 a00101 005334 c0 04 01 a00101",
    ])
    func anUnknownDescriptorIsNoState(_ encoding: String) throws {
        let value = try AMQPValue(decoding: bytes(encoding))
        #expect(throws: CodecError.self) { try DeliveryState(described: value) }
    }

    @Test(arguments: [
        "40", "45", "005324 40", "005328 45", "005324 c0 02 01 40", "005323 45", "005323 c0 03 01 5201",
        "005325 c0 02 01 41", "005325 c0 05 01 00531d 45", "005327 c0 03 01 5501",
        "005327 c0 09 03 40 40 c1 04 02 5501 40",
        "00531d c0 04 01 a10161",
        "005333 45", "005333 c0 03 01 5501", "005334 c0 02 01 40", "005334 c0 06 02 a00101 5501",
    ])
    func notAState(_ encoding: String) throws {
        let value = try AMQPValue(decoding: bytes(encoding))
        #expect(throws: CodecError.self) { try DeliveryState(described: value) }
        #expect(throws: CodecError.self) { try Outcome(described: value) }
        #expect(throws: CodecError.self) { try Condition(described: value) }
    }

    @Test func outcomes() {
        #expect(Outcome.rejected == .rejected(nil) && DeliveryState.rejected() == .outcome(.rejected))
        #expect(Outcome.failed == .modified(deliveryFailed: true) && DeliveryState.accepted.outcome == .accepted)
        #expect(DeliveryState.received(sectionNumber: 0, sectionOffset: 0).outcome == nil)
        #expect(Condition("amqp:not-found") == Condition(.notFound) && Condition("a", "b").description == "b")
    }
}
