// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// Work and timers of other threads, on a connection's queue.
@Suite(.timeLimit(.minutes(1)))
struct WorkQueueTests {
    /// Listens, connects to itself, and hands the connection's queue to another thread.
    private final class Connected: MessagingHandler, Sendable {
        let queue = Monitor<WorkQueue?>(nil)

        func onStart(_ event: ContainerEvent) throws {
            let listener = try event.container.listen("127.0.0.1:0")
            try event.container.connect("127.0.0.1:\(listener.port ?? 0)", options: .once)
        }

        func onConnectionOpened(_ event: ConnectionEvent) {
            // Not before: a connection that is closed while it connects has no `onConnectionClosed`.
            if !event.connection.isIncoming { queue.withLock { $0 = event.connection.workQueue } }
        }

        func onConnectionClosed(_ event: ConnectionEvent) { event.container.stop() }
    }

    /// Runs a container in a thread of its own; `body` gets the queue of a connection to itself.
    private func withQueue(
        threads: Int, clock: TestClock? = nil, _ body: @escaping @Sendable (WorkQueue, Monitor<[String]>) throws -> Void
    ) async throws {
        try await onThread {
            let handler = Connected()
            let log = Monitor<[String]>([])
            let thread = Thread.start {
                do {
                    try Container(clock: clock).run(threads: threads, handler: handler)
                } catch {
                    log.withLock { $0.append("\(error)") }
                }
            }
            guard let thread else { throw TestError("No thread can be started.") }
            guard let queue = handler.queue.wait(until: Deadline(after: .seconds(10)), { $0 }) else {
                throw TestError("There is no connection.")
            }
            try body(queue, log)
            thread.join()
            #expect(!queue.add { _ in log.withLock { $0.append("late") } })
            #expect(!queue.schedule(after: .zero) { _ in log.withLock { $0.append("late") } })
            #expect(log.withLock(\.self).contains("late") == false)
        }
    }

    @Test("Work is done in order and in the domain, and scheduled work after its delay", arguments: [1, 3])
    func order(threads: Int) async throws {
        let clock = TestClock()
        try await withQueue(threads: threads, clock: clock) { queue, log in
            let note: @Sendable (String, Connection) -> Void = { text, connection in
                let place = connection.workQueue.domain.isCurrent ? "" : " outside"
                log.withLock { $0.append(text + place) }
            }
            let wait: (Int) -> Void = { count in
                let isDone: Void? = log.wait(until: Deadline(after: .seconds(10))) { $0.count == count ? () : nil }
                #expect(isDone != nil)
            }
            queue.schedule(after: .milliseconds(60)) { connection in
                note("later", connection)
                connection.close()
            }
            queue.schedule(after: .milliseconds(20)) { note("soon", $0) }
            for number in 1...3 { queue.add { note("\(number)", $0) } }
            wait(3)
            clock.advance(by: .milliseconds(20))
            wait(4)
            clock.advance(by: .milliseconds(39))
            #expect(log.withLock(\.self) == ["1", "2", "3", "soon"])
            clock.advance(by: .milliseconds(1))
            wait(5)
            #expect(log.withLock(\.self) == ["1", "2", "3", "soon", "later"])
        }
    }

    @Test("What is scheduled does not keep a container running")
    func notHeld() async throws {
        try await withQueue(threads: 1) { queue, log in
            queue.schedule(after: .seconds(3_600)) { _ in log.withLock { $0.append("too late") } }
            queue.add { $0.close() }
        }
    }

    @Test("A timer can be cancelled from any thread, and its container ends")
    func cancel() async throws {
        try await onThread {
            let timer = Monitor<TimerTask?>(nil)
            let thread = Thread.start {
                guard let timer = timer.wait(until: Deadline(after: .seconds(10)), { $0 }) else { return }
                #expect(timer.cancel())
                #expect(!timer.cancel())
            }
            let container = try Container()
            timer.withLock { $0 = container.schedule(after: .seconds(3_600)) {} }
            try container.run()
            thread?.join()
        }
    }
}
