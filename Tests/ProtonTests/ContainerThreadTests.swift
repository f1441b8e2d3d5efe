// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// A container that runs on a thread of its own.
@Suite(.timeLimit(.minutes(1)))
struct ContainerThreadTests {
    private final class Server: MessagingHandler {
        let ends: Counter
        init(_ ends: Counter) { self.ends = ends }
        deinit { ends.increment() }
        func onStart(_ event: ContainerEvent) throws { try event.container.listen("127.0.0.1:0") }
    }

    @Test("It runs until it is stopped, and its handlers are gone when the wait is over")
    func stopped() async throws {
        let ends = Counter()
        let thread = try ContainerThread(Container(Server(ends)))
        let early = await #expect(throws: ProtonError.self) {
            try await onThread { try thread.wait(timeout: .milliseconds(10)) }
        }
        #expect(early?.code == .timedOut && ends.value == 0)
        thread.container.stop()
        try await onThread {
            try thread.wait(timeout: .seconds(20))
            try thread.wait(timeout: .seconds(20))
        }
        #expect(ends.value == 1)
    }

    @Test("With nothing to do it runs until somebody waits for its end")
    func nothingToDo() async throws {
        let log = SharedLog()
        let thread = try ContainerThread(Container())
        for number in 0..<3 {
            let done = Monitor(false)
            try thread.container.execute { _ in
                log.note("\(number)")
                done.withLock { $0 = true }
            }
            // The loop looks whether it has ended after each of them.
            try await onThread { #expect(done.wait(until: Deadline(after: .seconds(20))) { $0 ? () : nil } != nil) }
        }
        try await onThread { try thread.wait(timeout: .seconds(20)) }
        #expect(log.lines == ["0", "1", "2"])
    }

    @Test("What run throws comes out of every wait")
    func failure() async throws {
        final class Failing: MessagingHandler {
            func onStart(_ event: ContainerEvent) throws { throw TestError("mine") }
        }
        let thread = try ContainerThread(Container(Failing()))
        for _ in 0..<2 {
            await #expect(throws: TestError("mine")) { try await onThread { try thread.wait(timeout: .seconds(20)) } }
        }
        #expect(throws: ProtonError.self) { try thread.container.execute { _ in } }
    }

    @Test("What run throws at once comes out of wait too")
    func invalid() async throws {
        let thread = try ContainerThread(Container(), threads: 0, handler: Listening())
        let error = await #expect(throws: ProtonError.self) {
            try await onThread { try thread.wait(timeout: .seconds(20)) }
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test("A callback that waits for its own container is refused at once", arguments: [1, 2])
    func waitingForItself(_ threads: Int) async throws {
        let thread = try ContainerThread(Container(), threads: threads, handler: Listening())
        let errors = SharedLog()
        try? thread.container.execute { container in
            do {
                try thread.wait()
            } catch {
                errors.note("\((error as? ProtonError)?.code == .invalidArgument)")
            }
            container.stop()
        }
        try await onThread { try thread.wait(timeout: .seconds(20)) }
        #expect(errors.lines == ["true"])
    }

    @Test("Where nobody keeps the thread, the container runs on")
    func notKept() async throws {
        let ends = Counter()
        let handle = try ContainerThread(Container(Server(ends))).container
        try handle.execute { container in container.stop() }
        // It ends by itself; what tells that is that nothing is taken any more.
        while (try? handle.execute { _ in }) != nil { await Task.yield() }
    }
}

/// Keeps its container up until it is stopped.
private final class Listening: MessagingHandler, Sendable {
    func onStart(_ event: ContainerEvent) throws { try event.container.listen("127.0.0.1:0") }
}
