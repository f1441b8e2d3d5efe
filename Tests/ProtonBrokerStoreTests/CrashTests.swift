// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Proton
import ProtonBroker
import ProtonBrokerStore
import Testing

@testable import store_writer

/// A program that is killed as it writes.
@Suite(.serialized) struct CrashTests {
    @Test(.timeLimit(.minutes(2)), arguments: [false, true]) func nothingWrittenIsLost(failing: Bool) throws {
        let folder = try Folder()
        let path = folder.file()
        var random = SplitMix(state: UInt64(Date().timeIntervalSince1970))
        var model = StoreModel()
        var told: UInt64 = 0
        for round in 0..<(failing ? 25 : 50) {
            let seed = random.next()
            let program = try StoreProgram(["write", path, String(seed)] + (failing ? ["failing"] : []))
            // Every third is killed at some moment of its start, the others at some moment of their work.
            if round % 3 != 0 {
                program.read(lines: 1, atMost: .seconds(10))
                #expect(program.lines.count >= 1, "round \(round): \(program.lines)")
            }
            program.read(atMost: .milliseconds(random.next(below: failing ? 600 : 40)))
            program.kill()
            let numbers = program.lines.compactMap { UInt64($0) }
            #expect(numbers.count == program.lines.count, "round \(round): \(program.lines)")
            #expect(numbers == numbers.sorted())
            told += numbers.last ?? 0

            let found = try contents(path)
            guard let after = states(seed, model, atLeast: numbers.last ?? 0, found) else {
                Issue.record("round \(round), seed \(seed): what is in the store is not what was written")
                return
            }
            model = after
        }
        // Those that are not killed at their start have told of something.
        #expect(told >= 16)
    }

    /// Finds the group of a script after which the store holds these items.
    private func states(
        _ seed: UInt64, _ model: StoreModel, atLeast written: UInt64, _ items: [StoredItem]
    ) -> StoreModel? {
        let found = StoreModel(items)
        guard found.items == items else { return nil }
        var script = StoreScript(seed: seed, model)
        var number: UInt64 = 0
        // What was not told may be written, but no more than was on its way.
        while number < written + 2 * StoreScript.window {
            if number >= written, script.model.count == found.count, script.model == found { return found }
            _ = script.next()
            number += 1
        }
        return nil
    }
}

#endif
