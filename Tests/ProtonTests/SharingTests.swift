// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// With several threads, what only one of them may use is refused; with one it is not.
@Suite(.timeLimit(.minutes(1)))
struct SharingTests {
    /// Does something when its container starts, and stops it then.
    private final class Starter: MessagingHandler, Sendable {
        let start: @Sendable (Container) throws -> Void
        let ticks = Counter()
        init(_ start: @escaping @Sendable (Container) throws -> Void) { self.start = start }
        func onStart(_ event: ContainerEvent) throws { try start(event.container) }
        func onTimerTask(_ event: TimerEvent) { ticks.increment() }
        func onConnectionOpened(_ event: ConnectionEvent) { event.container.stop() }
    }

    private final class Unshared: MessagingHandler {
        var count = 0
        func onTimerTask(_ event: TimerEvent) { count += 1 }
    }

    enum Call: CaseIterable {
        case timer, handlersTimer, connect

        func make(_ container: Container) throws {
            switch self {
            case .timer: container.schedule(after: .zero) {}
            case .handlersTimer: container.schedule(after: .zero, Unshared())
            case .connect: try container.connect("127.0.0.1:1", handler: Unshared(), options: .once)
            }
        }
    }

    @Test("A call that hands over what need not be Sendable ends the run", arguments: Call.allCases)
    func inACallback(_ call: Call) async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread { try Container().run(threads: 2, handler: Starter { try call.make($0) }) }
        }
        #expect(error?.code == .invalidArgument && error?.message.contains("threads") == true)
    }

    @Test("The same before the run", arguments: Call.allCases)
    func beforeTheRun(_ call: Call) async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                let container = try Container()
                try call.make(container)
                try container.run(threads: 2, handler: Starter { _ in })
            }
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test("One thread takes it", arguments: [Call.timer, .handlersTimer])
    func oneThread(_ call: Call) async throws {
        try await onThread { try Container().run(threads: 1, handler: Starter { try call.make($0) }) }
    }

    @Test("Closures that are Sendable, and the container's own handler, are for all threads", arguments: [1, 3])
    func shared(_ threads: Int) async throws {
        let log = SharedLog()
        let handler = Starter { container in
            container.schedule(after: .zero) { container in
                log.note("timer")
                let listener = try container.listen("127.0.0.1:0") { Handshaker() }
                try container.connect("127.0.0.1:\(listener.port ?? 0)") { Stopper() }
            }
        }
        try await onThread { try Container().run(threads: threads, handler: handler) }
        #expect(log.lines == ["timer"])
    }

    @Test func theHandlerOfAllThreadsHasTimers() async throws {
        final class Ticking: MessagingHandler, Sendable {
            let ticks = Counter()
            func onStart(_ event: ContainerEvent) { event.container.schedule(after: .zero, self) }
            func onTimerTask(_ event: TimerEvent) { ticks.increment() }
        }
        let ticking = Ticking()
        try await onThread { try Container().run(threads: 2, handler: ticking) }
        #expect(ticking.ticks.value == 1)
    }

    @Test("Handlers below that of several threads need not be Sendable, and are refused")
    func handlersBelow() async throws {
        final class Parent: MessagingHandler, Sendable {
            var handlers: [any ProtonHandler] { [Unshared()] }
        }
        let error = await #expect(throws: ProtonError.self) {
            try await onThread { try Container().run(threads: 2, handler: Parent()) }
        }
        #expect(error?.code == .invalidArgument)
        try await onThread { try Container().run(threads: 1, handler: Parent()) }
    }
}

/// Stops its container once its connection is open.
private final class Stopper: MessagingHandler {
    func onConnectionOpened(_ event: ConnectionEvent) { event.container.stop() }
}
