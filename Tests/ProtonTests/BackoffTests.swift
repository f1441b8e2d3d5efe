// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Proton

/// How long to wait before the next try to connect.
struct BackoffTests {
    @Test func theWaitsOfPython() {
        let backoff = Backoff(jitter: 0)
        let waits = (0..<10).map { backoff.delay(before: $0, chance: 0.7) }
        #expect(waits == [0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000].map { .milliseconds($0) })
        let few = Backoff(maxTries: 3, jitter: 0)
        #expect(
            (0..<4).map { few.delay(before: $0, chance: 0) } == [.zero, .milliseconds(100), .milliseconds(200), nil])
    }

    @Test(arguments: [0, 0.25, 1])
    func jitterTakesOffUpToItsShare(_ jitter: Double) throws {
        let backoff = Backoff(jitter: jitter)
        for number in [0, 1, 5, 100, 1_000_000_000] {
            let full = try #require(backoff.delay(before: number, chance: 0))
            let least = try #require(backoff.delay(before: number, chance: 1))
            for _ in 0..<20 {
                let wait = try #require(backoff.delay(before: number, chance: .random(in: 0...1)))
                #expect(wait <= full && wait >= least)
            }
            #expect(full <= backoff.max && least >= full * (1 - jitter) - .nanoseconds(1))
        }
    }

    @Test func aConstantWait() {
        let backoff = Backoff(initial: .seconds(1), factor: 1, max: .seconds(1), jitter: 0)
        #expect((1..<4).map { backoff.delay(before: $0, chance: 0) } == Array(repeating: .seconds(1), count: 3))
        let none = Backoff(initial: .zero, jitter: 0)
        #expect(none.delay(before: 50, chance: 0) == .zero)
    }

    @Test func waitsOfTheProgramsOwn() {
        let backoff = Backoff(waits: [.milliseconds(500), .seconds(1)])
        #expect((0..<4).map { backoff.delay(before: $0, chance: 1) } == [.zero, .milliseconds(500), .seconds(1), nil])
        #expect(Backoff(waits: []).delay(before: 1, chance: 0) == nil)
    }

    @Test func afterTheLongestTimeNoTryBegins() {
        var backoff = Backoff(initial: .seconds(1), factor: 1, maxTime: .seconds(10), jitter: 0)
        #expect(backoff.delay(before: 5, elapsed: .seconds(9), chance: 0) == .seconds(1))
        #expect(backoff.delay(before: 1, elapsed: .milliseconds(9_001), chance: 0) == nil)
        // The first try after a loss is always made.
        backoff.maxTime = .zero
        #expect(backoff.delay(before: 0, elapsed: .seconds(20), chance: 0) == .zero)
        #expect(backoff.delay(before: 1, elapsed: .zero, chance: 0) == nil)
    }

    @Test func badValuesAreNamed() {
        let rows: [(Backoff, String)] = [
            (Backoff(initial: .seconds(-1)), "initial"), (Backoff(max: .zero), "max"), (Backoff(factor: 0.5), "factor"),
            (Backoff(maxTries: 0), "maxTries"), (Backoff(jitter: 2), "jitter"), (Backoff(factor: .infinity), "factor"),
            (Backoff(maxTime: .seconds(-1)), "maxTime"), (Backoff(waits: [.zero, .seconds(-1)]), "wait"),
        ]
        for (backoff, name) in rows {
            let error = #expect(throws: ProtonError.self) { try backoff.validate() }
            #expect(error?.code == .invalidArgument && error?.message.contains(name) == true)
        }
    }
}
