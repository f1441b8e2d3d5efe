// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ProtonBroker

/// The list of a queue against a sorted array, over random histories.
struct MessageListTests {
    @Test(arguments: 0..<10 as Range<UInt64>)
    func isASortedArray(seed: UInt64) {
        var random = SplitMix(state: seed)
        var list = MessageList()
        var model: [UInt64] = []
        var arrived: UInt64 = 0
        // Lists of some thousand messages, which are many chunks, and at times empty.
        for round in 0..<6_000 {
            switch Int.random(in: 0..<(round / 1_500 % 2 == 0 ? 6 : 12), using: &random) {
            case 0...3:
                arrived += 1
                let priority: UInt8 = arrived % 9 == 0 ? 7 : 4
                let message = QueuedMessage(bytes: [], priority: priority, position: arrived)
                list.insert(message)
                model.insert(message.place, at: model.firstIndex { $0 > message.place } ?? model.count)
            case 4...7:
                #expect(list.popFirst()?.place == (model.isEmpty ? nil : model.removeFirst()))
            default:
                guard let place = model.randomElement(using: &random) else { continue }
                guard let index = list.index(of: place) else {
                    Issue.record("lost \(place)")
                    return
                }
                #expect(list.remove(at: index).place == place)
                #expect(list.index(of: place) == nil)
                model.removeAll { $0 == place }
                // It comes back at times.
                guard Bool.random(using: &random) else { continue }
                list.insert(QueuedMessage(bytes: [], priority: UInt8(255 - place >> 56), position: place & 0xff_ffff))
                model.insert(place, at: model.firstIndex { $0 > place } ?? model.count)
            }
            #expect(list.count == model.count)
            if round % 100 == 0 { #expect(places(list) == model) }
        }
        #expect(places(list) == model)
    }

    /// All places, one index after the other.
    private func places(_ list: MessageList) -> [UInt64] {
        var places: [UInt64] = []
        var index = list.index(from: 0)
        while list.contains(index) {
            places.append(list[index].place)
            index = list.index(after: index)
        }
        return places
    }

    @Test func splitsItsChunks() {
        var list = MessageList()
        for position in (0..<5_000 as Range<UInt64>).reversed() {
            list.insert(QueuedMessage(bytes: [], position: position))
        }
        #expect(places(list).map { $0 & 0xffff } == Array(0..<5_000))
        #expect(!list.contains(list.index(from: .max)))
    }
}
