// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Synchronization
import Testing

/// Containers whose timers go by a clock that the test turns.
@Suite(.timeLimit(.minutes(1)))
struct TestClockTests {
    /// Notes lines on any thread, and has others wait for them.
    private final class Log: Sendable {
        private let state = Mutex<(lines: [String], waiting: [AsyncStream<Void>.Continuation])>(([], []))

        var lines: [String] { state.withLock { $0.lines } }

        func note(_ line: String) {
            state.withLock { state in
                state.lines.append(line)
                for waiting in state.waiting { waiting.yield() }
            }
        }

        /// Waits until there are so many lines; the test's time limit bounds it.
        func wait(for count: Int) async {
            let (changes, continuation) = AsyncStream<Void>.makeStream()
            state.withLock { $0.waiting.append(continuation) }
            continuation.yield()
            for await _ in changes where lines.count >= count { return }
        }
    }

    /// Does what a test says when its container starts.
    private final class Starter: MessagingHandler, Sendable {
        private let start: @Sendable (Container) throws -> Void

        init(_ start: @escaping @Sendable (Container) throws -> Void) { self.start = start }

        func onStart(_ event: ContainerEvent) throws { try start(event.container) }
    }

    @Test func timersComeInTheirOrder() async throws {
        let (clock, log) = (TestClock(), Log())
        try await onThread {
            let handler = Starter { container in
                for hours in [3, 1, 2, 5] {
                    container.schedule(after: .seconds(hours * 3_600)) { log.note("\(hours)") }
                }
                let never = container.schedule(after: .seconds(60)) { log.note("never") }
                container.schedule(after: .seconds(1)) { #expect(never.cancel()) }
                clock.advance(by: .seconds(2 * 3_600))
                container.schedule(after: .seconds(1_800)) {
                    log.note("half past two")
                    clock.advance(by: .seconds(3 * 3_600))
                }
                clock.advance(by: .seconds(1_800))
            }
            try Container(handler, clock: clock).run()
        }
        #expect(log.lines == ["1", "2", "half past two", "3", "5"])
    }

    @Test func aTimerThatSetsItselfAgainGoesOffAsOftenAsItWould() async throws {
        let (clock, log) = (TestClock(), Log())
        try await onThread {
            let handler = Starter { container in
                let start = container.now
                func tick() {
                    log.note("\(start.duration(to: container.now).components.seconds)")
                    if log.lines.count < 6 { container.schedule(after: .seconds(1), tick) }
                }
                container.schedule(after: .seconds(1), tick)
                container.schedule(after: .milliseconds(2_500)) { log.note("between") }
                clock.advance(by: .seconds(100))
                #expect(start.duration(to: container.now) == .seconds(100))
            }
            try Container(handler, clock: clock).run()
        }
        #expect(log.lines == ["1", "2", "between", "3", "4", "5"])
    }

    @Test(arguments: [1, 3])
    func turnedOnAnotherThread(_ threads: Int) async throws {
        let (clock, log) = (TestClock(), Log())
        let handler = Starter { container in
            for number in 0..<100 { container.schedule(after: .seconds(number + 1)) { _ in log.note("\(number)") } }
            log.note("ready")
        }
        async let run: Void = onThread { try Container(clock: clock).run(threads: threads, handler: handler) }
        await log.wait(for: 1)
        clock.advance(by: .milliseconds(999))
        clock.advance(by: .zero)
        clock.advance(by: .seconds(-5))
        clock.advance(by: .milliseconds(1))
        await log.wait(for: 2)
        #expect(log.lines == ["ready", "0"])
        for _ in 0..<3 { clock.advance(by: .seconds(33)) }
        try await run
        #expect(log.lines.dropFirst() == (0..<100).map { "\($0)" }[...])
    }

    @Test func oneClockForTwoContainers() async throws {
        let (clock, log) = (TestClock(), Log())
        let handler = Starter { container in
            container.schedule(after: .seconds(10)) { log.note("done") }
            log.note("ready")
        }
        async let first: Void = onThread { try Container(handler, clock: clock).run() }
        async let second: Void = onThread { try Container(handler, clock: clock).run() }
        await log.wait(for: 2)
        clock.advance(by: .seconds(10))
        _ = try await (first, second)
        #expect(log.lines == ["ready", "ready", "done", "done"])
        // Both are gone, and forgotten.
        clock.advance(by: .seconds(10))
    }

    @Test func aStopEndsThoughTheClockStands() async throws {
        let server = try ScriptedServer()
        try await onThread {
            let handler = Starter { container in
                try container.connect(server.address)
                container.schedule(after: .zero) { container.stop(grace: .milliseconds(1)) }
            }
            try Container(handler, clock: TestClock()).run()
        }
    }

    @Test func aBrokersMessagesExpire() async throws {
        let clock = TestClock()
        try await withBroker(clock: clock) { broker in
            try await onThread { [address = broker.address] in
                let connection = try BlockingConnection(address, timeout: .seconds(10))
                let sender = try connection.createSender("queue")
                try sender.send(Message(body: "short", timeToLive: .seconds(60)))
                try sender.send(Message(body: "long", timeToLive: .seconds(600)))
                clock.advance(by: .seconds(61))
                #expect(try connection.createReceiver("queue").receive().body == .value("long"))
                try connection.close()
            }
        }
    }

    @Test func theSystemsClockIsTheDefault() throws {
        let container = try Container()
        let before = ContinuousClock.now
        #expect(container.now >= before && container.now <= .now)
    }

    /// Fails to connect, and turns the clock each time.
    private final class Reconnecting: MessagingHandler {
        private let clock: TestClock
        private(set) var tries = 0

        init(_ clock: TestClock) { self.clock = clock }

        func onStart(_ event: ContainerEvent) throws {
            let backoff = Backoff(initial: .seconds(3_600), max: .seconds(3_600), maxTries: 4, jitter: 0)
            try event.container.connect("127.0.0.1:1", options: ConnectionOptions(reconnect: backoff))
        }

        func onTransportError(_ event: TransportEvent) {
            tries += 1
            // The wait begins after this callback.
            event.container.schedule(after: .zero) { [clock] in clock.advance(by: .seconds(3_600)) }
        }

        func onReconnectFailed(_ event: TransportEvent) {}
    }

    @Test func theWaitsBeforeAConnectionIsMadeAgain() async throws {
        let tries = try await onThread {
            let clock = TestClock()
            let handler = Reconnecting(clock)
            try Container(handler, clock: clock).run()
            return handler.tries
        }
        #expect(tries == 4)
    }
}
