// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// Random histories of a queue, against `QueueModel`, which is checked after each step. The argument is the seed.
struct QueueModelTests {
    @Test(arguments: 0..<120 as Range<UInt64>)
    func losesNothingDoublesNothingAndStarvesNobody(seed: UInt64) throws {
        var history = QueueHistory(seed: seed)
        do {
            for step in 0..<250 {
                history.step = step
                try history.takeStep()
            }
            try history.finish()
        } catch {
            Issue.record("seed \(seed), step \(history.step), \(history.event): \(error)")
        }
    }

    /// Messages of one priority that never come back reach one consumer in the order that they came.
    @Test(arguments: 0..<20 as Range<UInt64>) func keepsTheOrderOfOneConsumer(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var queue = QueueHarness()
        let consumer = queue.join(maxUnsettled: 20)
        var (sent, taken): (Int, [String]) = (0, [])
        var unsettled: [QueueHarness.Sent] = []
        while taken.count < 500 {
            for _ in 0..<Int.random(in: 0...9, using: &random) {
                try queue.put("\(sent)")
                sent += 1
            }
            queue.setCredit(
                .random(in: 0...12, using: &random), of: consumer, isBlocked: .random(using: &random),
                isDraining: .random(using: &random))
            let new = queue.send()
            taken += new.map(\.message.text)
            unsettled += new
            unsettled.shuffle(using: &random)
            for _ in 0..<Int.random(in: 0...9, using: &random) {
                if let one = unsettled.popLast() { queue.settle(one) }
            }
        }
        #expect(taken == (0..<taken.count).map { "\($0)" }, "seed \(seed)")
    }
}
