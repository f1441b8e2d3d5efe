// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Synchronization
import Testing

@testable import ProtonBroker

/// The one timer that tells queues of the time.
struct ScheduleTests {
    /// A timer that a schedule has started.
    private struct Started: Sendable {
        let delay: Duration
        let body: @Sendable () -> Void
    }

    private let clock = TestClock()
    private let context: BrokerContext
    private let schedule: Schedule

    init() throws {
        context = try BrokerContext(BrokerOptions(), clock: QueueClock(clock))
        schedule = Schedule(QueueClock(clock))
    }

    private func queue(_ address: String = "q") -> Queue {
        Queue(QueueSettings(address: address), kind: .named(isExclusive: false), context: context)
    }

    @Test func forgetsQueuesThatAreGone() {
        let kept = queue()
        schedule.wake(kept, at: 5)
        for _ in 0..<10_000 { schedule.wake(queue(), at: .max) }
        #expect(schedule.count <= 1_025)
    }

    @Test func hasFewTimesOfAQueue() {
        let kept = queue()
        for time in (1...10_000).reversed() { schedule.wake(kept, at: Int64(time)) }
        #expect(schedule.count <= 1_025)
    }

    @Test func tellsEachQueueAtItsTimeOnce() {
        let started = Mutex<[Started]>([])
        let told = Mutex<[String]>([])
        let queues = (0..<3).map { queue("\($0)") }
        schedule.wake(queues[0], at: 20)
        schedule.start(
            { delay, body in
                started.withLock { $0.append(Started(delay: delay, body: body)) }
                return nil
            }, tell: { queue in told.withLock { $0.append(queue.address) } })
        schedule.wake(queues[1], at: 30)
        schedule.wake(queues[2], at: 10)
        schedule.wake(queues[1], at: 20)
        #expect(started.withLock { $0.map(\.delay) } == [.milliseconds(20), .milliseconds(10)])
        // The timer for the later time, which is cancelled, goes off all the same: too early is no harm.
        clock.advance(by: .milliseconds(10))
        started.withLock { $0[1] }.body()
        #expect(told.withLock { $0 } == ["2"])
        #expect(started.withLock { $0.map(\.delay) }.last == .milliseconds(10))
        clock.advance(by: .milliseconds(10))
        started.withLock { $0[2] }.body()
        #expect(told.withLock { $0.sorted() } == ["0", "1", "2"])
        clock.advance(by: .milliseconds(20))
        for timer in started.withLock({ $0 }) { timer.body() }
        #expect(told.withLock { $0.count } == 3)
    }
}
