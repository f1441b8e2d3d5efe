// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// A container as other threads use it.
@Suite(.timeLimit(.minutes(1)))
struct ContainerHandleTests {
    /// Notes that it starts and ends, and keeps the container up until somebody stops it.
    private final class Waiting: MessagingHandler {
        let log: SharedLog
        init(_ log: SharedLog) { self.log = log }

        func onStart(_ event: ContainerEvent) throws {
            log.note("start")
            try event.container.listen("127.0.0.1:0")
        }

        func onReactorFinal(_ event: ContainerEvent) { log.note("final") }
    }

    @Test("What is asked for before the run is done after the start, in its order")
    func beforeTheRun() throws {
        let log = SharedLog()
        let container = try Container(Waiting(log))
        let handle = container.handle
        #expect(handle.id == container.id)
        try handle.execute { _ in log.note("first") }
        try handle.execute { container in
            log.note("second")
            container.stop()
        }
        #expect(log.lines.isEmpty)
        try container.run()
        #expect(log.lines == ["start", "first", "second", "final"])
    }

    @Test("Another thread connects, sets a timer and stops, on the thread of the loop", arguments: [1, 3])
    func duringTheRun(_ threads: Int) async throws {
        final class Quiet: MessagingHandler, Sendable {
            let opened = Counter()
            func onConnectionOpened(_ event: ConnectionEvent) {
                opened.increment()
                if opened.value == 2 { event.container.stop() }
            }
        }
        let quiet = Quiet()
        let thread = try ContainerThread(Container(), threads: threads, handler: quiet)
        let injector = EventInjector()
        let handle = thread.container
        try handle.execute { container in
            #expect(handle.core.loop.isOnItsThread)
            try container.selectable(injector)
            let listener = try container.listen("127.0.0.1:0")
            let url = "127.0.0.1:\(listener.port ?? 0)"
            try handle.schedule(after: .milliseconds(1)) { container in try container.connect(url) }
        }
        #expect(!handle.core.loop.isOnItsThread)
        try await onThread { try thread.wait(timeout: .seconds(20)) }
        #expect(quiet.opened.value == 2)
        injector.close()
    }

    @Test("What is done throws out of run, and what was asked for after it is dropped")
    func failure() throws {
        let log = SharedLog()
        let container = try Container(Waiting(log))
        try container.handle.execute { _ in throw TestError("mine") }
        try container.handle.execute { _ in log.note("not reached") }
        #expect(throws: TestError("mine")) { try container.run() }
        #expect(log.lines == ["start"])
    }

    @Test("A container that has ended takes nothing, and says so; stopping it again does nothing")
    func afterTheEnd() throws {
        let container = try Container()
        let handle = container.handle
        try container.run()
        let error = #expect(throws: ProtonError.self) { try handle.execute { _ in } }
        #expect(error?.code == .closed && error?.message.contains(container.id) == true)
        #expect(throws: ProtonError.self) { try handle.schedule(after: .zero) { _ in } }
        handle.stop()
    }

    @Test("The handle of a container that was dropped keeps nothing of it, and takes nothing")
    func dropped() throws {
        final class Kept: ProtonHandler {
            let life: Counter
            init(_ life: Counter) { self.life = life }
            deinit { life.increment() }
        }
        let ends = Counter()
        var container: Container? = try Container(Kept(ends))
        let handle = try #require(container?.handle)
        try handle.execute { _ in Issue.record("The container never runs.") }
        try handle.schedule(after: .zero) { _ in Issue.record("The container never runs.") }
        container = nil
        #expect(ends.value == 1)
        #expect(throws: ProtonError.self) { try handle.execute { _ in } }
        #expect(throws: ProtonError.self) { try handle.schedule(after: .zero) { _ in } }
        handle.stop()
    }

    @Test("A container that is stopped before it runs still does what was asked for")
    func stoppedBefore() throws {
        let log = SharedLog()
        let container = try Container(Waiting(log))
        try container.handle.execute { _ in log.note("done") }
        container.handle.stop()
        try container.run()
        #expect(log.lines == ["done"])
    }

    @Test("Many threads at once: nothing is lost, and nothing is done at the same time on one thread")
    func manyThreads() async throws {
        let thread = try ContainerThread(Container(Waiting(SharedLog())))
        let (done, overlaps) = (Counter(), Counter())
        let busy = UncheckedMutex(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<250 {
                        try thread.container.execute { _ in
                            if busy.withLock({ exchange(&$0, with: true) }) { overlaps.increment() }
                            done.increment()
                            busy.withLock { $0 = false }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        try thread.container.execute { $0.stop() }
        try await onThread { try thread.wait(timeout: .seconds(20)) }
        #expect(done.value == 1_000 && overlaps.value == 0)
    }
}
