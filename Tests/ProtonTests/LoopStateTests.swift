// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities
import Testing

@testable import Proton

/// When a loop has ended.
struct LoopStateTests {
    private func running() -> Loop.State {
        var state = Loop.State()
        state.phase = .running
        return state
    }

    /// Outside of the macros, which keep what they check.
    private func ends(_ state: inout Loop.State) -> Bool { state.endIfIdle() }

    @Test("A loop without work ends, and one that is held does not")
    func holds() {
        var state = running()
        state.holds = 1
        #expect(!ends(&state))
        state.holds = 0
        #expect(ends(&state))
    }

    @Test("A job that another thread runs may still open something: the loop does not end before it is over")
    func jobs() {
        var state = running()
        state.jobs.append {}
        #expect(!ends(&state))
        let taken = state.beginJobRun()
        #expect(taken.jobs.count == 1 && state.jobs.isEmpty)
        #expect(!ends(&state))
        state.endJobRun()
        #expect(ends(&state))
    }

    @Test("So may a timer's callback")
    func timers() {
        var state = running()
        let clock = TimerClock(nil)
        _ = state.timers.add(at: clock.now, keepsRunning: true) {}
        #expect(!ends(&state))
        state.timerRuns += 1
        let due = state.popDue(by: clock)
        #expect(due != nil && state.timers.activeCount == 0)
        #expect(!ends(&state))
        state.timerRuns -= 1
        #expect(ends(&state))
    }
}
