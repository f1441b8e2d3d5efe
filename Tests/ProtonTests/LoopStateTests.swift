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

    @Test("A loop without work ends, and one that is held does not")
    func holds() {
        var state = running()
        state.holds = 1
        #expect(!state.endWhereIdle())
        state.holds = 0
        #expect(state.endWhereIdle())
    }

    @Test("A job that another thread runs may still open something: the loop does not end before it is over")
    func jobs() {
        var state = running()
        state.jobs.append {}
        #expect(!state.endWhereIdle())
        let taken = state.beginJobRun()
        #expect(taken.jobs.count == 1 && state.jobs.isEmpty)
        #expect(!state.endWhereIdle())
        state.endJobRun()
        #expect(state.endWhereIdle())
    }

    @Test("So may a timer's callback")
    func timers() {
        var state = running()
        let clock = TimerClock(nil)
        _ = state.timers.add(at: clock.now, keepsRunning: true) {}
        #expect(!state.endWhereIdle())
        state.timerRuns += 1
        #expect(state.popDue(by: clock) != nil && state.timers.activeCount == 0)
        #expect(!state.endWhereIdle())
        state.timerRuns -= 1
        #expect(state.endWhereIdle())
    }
}
