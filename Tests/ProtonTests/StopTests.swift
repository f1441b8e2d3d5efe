// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Glibc
import ProtonEngine
import ProtonTesting
import Testing

@testable import Proton

/// How a container ends, in every state, and what it leaves behind.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct StopTests {
    @Test func withNothingToDoItEndsAtOnce() async throws {
        let lines = try await onThread {
            let handler = Scripted("h")
            defer { handler.forget() }
            try Container(handler, options: .once).run()
            return handler.journal.lines
        }
        #expect(lines == ["h.onReactorInit", "h.onStart", "h.onReactorFinal"])
    }

    @Test func itRunsOnce() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await onThread {
                let container = try Container(Plain(), options: .once)
                try container.run()
                try container.run()
            }
        }
        #expect(error?.code == .closed)
    }

    @Test func stoppedInOnStart() async throws {
        let lines = try await onThread {
            let handler = Scripted("h")
            defer { handler.forget() }
            handler.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)")
                try event.container.createSender(connection, "a")
                event.container.schedule(after: .seconds(100)) {}
                #expect(!event.container.isStopping)
                event.container.stop()
                event.container.stop()
                #expect(event.container.isStopping)
                #expect(throws: ProtonError.self) { try event.container.connect("localhost") }
                #expect(throws: ProtonError.self) { try event.container.listen("127.0.0.1:0") }
            }
            try Container(handler, options: .once).run()
            return handler.journal.lines
        }
        #expect(lines.last == "h.onReactorFinal")
    }

    @Test(arguments: [false, true])
    func stoppedBeforeItRuns(withSomethingToDo: Bool) async throws {
        let (lines, port) = try await onThread {
            let handler = Scripted("h")
            defer { handler.forget() }
            let container = try Container(handler)
            var listener: Listener?
            if withSomethingToDo {
                listener = try container.listen("127.0.0.1:0")
                try container.connect("127.0.0.1:1")
            }
            container.stop()
            try container.run()
            let error = #expect(throws: ProtonError.self) { try container.run() }
            #expect(error?.code == .closed)
            return (handler.journal.lines, listener?.port)
        }
        #expect(lines.isEmpty && port == nil)
    }

    @Test func stoppedWithConnectionsOpen() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in
                event.container.stop(Condition(.connectionForced, "going down"))
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        for side in ["client", "server"] { #expect(lines.count { $0 == "\(side).onTransportClosed" } == 1) }
    }

    @Test func stoppedWhileConnecting() async throws {
        // A port that accepts, and a peer that never says a word.
        let peer = try ScriptedServer()
        defer { peer.close() }
        // By this clock the peer has all the time in the world to open.
        let clock = TestClock()
        async let accepted: Void = onThread {
            _ = try peer.accept()
            clock.advance(by: .milliseconds(1))
        }
        try await onThread {
            let handler = Plain { event in
                try event.container.connect(peer.address)
                let container = event.container
                container.schedule(after: .milliseconds(1)) { container.stop(grace: .milliseconds(200)) }
            }
            try Container(handler, options: .once, clock: clock).run()
        }
        try await accepted
    }

    @Test func workThatIsStillToComeRunsOrIsRefused() async throws {
        let ran = Counter()
        try await onThread {
            let container = try Container(Plain(), options: .once)
            let connection = try container.connect("127.0.0.1:1")
            connection.workQueue.add { _ in ran.increment() }
            container.stop()
            #expect(!connection.workQueue.add { _ in ran.increment() })
        }
        #expect(ran.value <= 1)
    }

    @Test func aTaskOnAConnectionThatIsNeverConnectedEnds() async throws {
        let queue = try await onThread {
            let container = try Container(Plain(), options: .once)
            let queue = try container.connect("127.0.0.1:1").workQueue
            container.stop()
            return queue
        }
        let task = Task(executorPreference: queue.taskExecutor) { 1 }
        #expect(await task.value == 1)
    }

    @Test func aTaskOnAConnectionOfADroppedContainerEnds() async throws {
        let queue = try await onThread {
            let container = try Container(Plain(), options: .once)
            let connection = try container.connect("127.0.0.1:1")
            try container.createSender(connection, "a")
            return connection.workQueue
        }
        let task = Task(executorPreference: queue.taskExecutor) { 1 }
        #expect(await task.value == 1)
    }

    @Test func theMailboxWorksBeforeDuringAndAfterAConnection() async throws {
        let (queue, log) = try await onThread {
            let exchange = Exchange()
            let log = SharedLog()
            exchange.client.on("onConnectionOpened") { (event: ConnectionEvent) in
                let queue = event.connection.workQueue
                log.note("opened \(queue.isIsolatingCurrentContext() == true)")
                Task(executorPreference: queue.taskExecutor) {
                    log.note("task \(queue.isIsolatingCurrentContext() == true)")
                    queue.add { connection in
                        log.note("closing")
                        connection.close()
                    }
                }
            }
            var queue: WorkQueue?
            try exchange.run { _, connection in
                queue = connection.workQueue
                connection.workQueue.add { log.note("before \($0.isLocalOpen)") }
                let queue = connection.workQueue
                Task(executorPreference: queue.taskExecutor) {
                    log.note("early task \(queue.isIsolatingCurrentContext() == true)")
                }
            }
            return (queue, log)
        }
        let after = try #require(queue)
        #expect(!after.add { _ in })
        #expect(await Task(executorPreference: after.taskExecutor) { after.isIsolatingCurrentContext() }.value == true)
        #expect(
            Set(log.lines) == ["before true", "early task true", "opened true", "task true", "closing"])
        #expect(log.lines.first == "before true")
    }

    @Test func aListenerIsClosedAlone() async throws {
        try await onThread {
            let handler = Plain { event in
                let listener = try event.container.listen("127.0.0.1:0")
                #expect(listener.port ?? 0 > 0 && listener.addresses.count == 1)
                listener.close()
                listener.close()
                func look() {
                    // The loop has to handle the end first; the suite's time limit bounds this.
                    guard listener.port == nil else {
                        _ = event.container.schedule(after: .zero, look)
                        return
                    }
                    #expect(listener.addresses.isEmpty)
                    listener.close()
                }
                event.container.schedule(after: .zero, look)
            }
            try Container(handler, options: .once).run()
        }
    }

    @Test func signalsStopIt() async throws {
        let lines = try await onThread {
            let handler = Scripted("h")
            defer { handler.forget() }
            handler.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                try event.container.connect("127.0.0.1:\(listener.port ?? 0)")
            }
            handler.on("onConnectionOpened") { (event: ConnectionEvent) in
                // Any signal will do, and this one is nobody else's.
                if event.connection.isIncoming { kill(getpid(), SIGUSR1) }
            }
            try Container(handler, options: .once).run(stoppingOn: StopSignal(number: SIGUSR1))
            return handler.journal.lines
        }
        #expect(lines.count { $0 == "h.onTransportClosed" } == 2 && lines.last == "h.onReactorFinal")
    }

    @Test(arguments: ["drop", "drop with a timer", "drop with a listener", "stop", "run", "fail"])
    func noDescriptorStaysOpen(_ ending: String) async throws {
        var growth: [Int] = []
        // Other tests open sockets at the same time: what a container leaves open would show in every round.
        for _ in 0..<5 {
            let before = descriptorCount()
            try await onThread {
                for _ in 0..<20 { try Self.useContainer(ending) }
            }
            growth.append(descriptorCount() - before)
        }
        #expect(growth.min() ?? 0 < 15, "grew by \(growth)")
    }

    private static func useContainer(_ ending: String) throws {
        let handler = Plain { event in
            let listener = try event.container.listen("127.0.0.1:0")
            let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)")
            try event.container.createSender(connection, "a")
            let container = event.container
            container.schedule(after: .milliseconds(1)) {
                if ending == "fail" { throw TestError("now") }
                container.stop()
            }
            if ending == "stop" { container.stop() }
        }
        let container = try Container(handler, options: .once)
        switch ending {
        case "drop": try container.createSender("127.0.0.1:1/a")
        case "drop with a timer": container.schedule(after: .seconds(1), handler)
        case "drop with a listener": try container.listen("127.0.0.1:0")
        case "fail": #expect(throws: TestError("now")) { try container.run() }
        default: try container.run()
        }
    }

    private func descriptorCount() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }
}
