// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ProtonEngine

/// The table of a link's deliveries, against a dictionary that does the same slowly.
struct DeliveryTableTests {
    private static func pointer(_ number: Int) throws -> OpaquePointer {
        try #require(OpaquePointer(bitPattern: number + 1))
    }

    @Test(arguments: 0..<50)
    func doesWhatADictionaryDoes(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var table = DeliveryTable()
        var live: [DeliveryTable.Token: OpaquePointer] = [:]
        var dead: [DeliveryTable.Token] = []
        for number in 0..<1_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let pointer = try Self.pointer(number)
                let token = table.insert(pointer)
                #expect(live[token] == nil && !dead.contains(token))
                live[token] = pointer
            case 5..<9:
                guard let (token, pointer) = live.randomElement(using: &random) else { continue }
                #expect(table.remove(token) == pointer)
                live[token] = nil
                dead.append(token)
            default:
                if let token = dead.randomElement(using: &random) {
                    #expect(table[token] == nil && table.remove(token) == nil)
                }
            }
            #expect(table.count == live.count)
        }
        for (token, pointer) in live { #expect(table[token] == pointer) }
        for token in dead { #expect(table[token] == nil) }
    }

    @Test(arguments: 0..<20)
    func tokensSurviveAsContexts(seed: UInt64) {
        var random = SplitMix(state: seed)
        for _ in 0..<200 {
            let token = DeliveryTable.Token(
                slot: UInt32.random(in: 0..<(.max - 1), using: &random),
                generation: UInt32.random(in: 0...(.max), using: &random))
            #expect(token.context != nil && DeliveryTable.Token(context: token.context) == token)
        }
        #expect(DeliveryTable.Token(context: nil) == nil)
        let first = DeliveryTable.Token(slot: 0, generation: 0)
        #expect(DeliveryTable.Token(context: first.context) == first)
    }

    @Test func oneSlotServesMany() throws {
        var table = DeliveryTable()
        var last: DeliveryTable.Token?
        for number in 0..<100_000 {
            let token = table.insert(try Self.pointer(number))
            #expect(token.slot == 0)
            if let last { #expect(table[last] == nil) }
            _ = table.remove(token)
            last = token
        }
        #expect(table.isEmpty)
    }

    @Test func afterRemoveAllNothingIsFound() throws {
        var table = DeliveryTable()
        let tokens = try (0..<10).map { table.insert(try Self.pointer($0)) }
        table.removeAll()
        for token in tokens { #expect(table[token] == nil && table.remove(token) == nil) }
        #expect(table.isEmpty)
    }
}

extension DeliveryTable {
    fileprivate var isEmpty: Bool { count == 0 }
}

/// Random numbers that are the same in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}
