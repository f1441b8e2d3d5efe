// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import ProtonUtilities
import Synchronization
import Testing

@testable import ProtonEngine

/// A connection's mailbox and executor, by itself: order, threads, and the places where nothing may get lost.
struct WorkQueueTests {
    private static func connection(_ owner: (any ConnectionOwner)? = nil) -> Connection {
        Connection(limits: ConnectionLimits(), owner: owner, eventHandler: EventRecorder())
    }

    // MARK: The mailbox

    @Test func worksInOrder() throws {
        let peer = TestPeer(isServer: false)
        let log = Mutex<[Int]>([])
        for number in 0..<100 {
            #expect(peer.connection.workQueue.add { _ in log.withLock { $0.append(number) } })
        }
        #expect(log.withLock { $0.isEmpty })
        try peer.driver.dispatchEvents()
        #expect(log.withLock { $0 } == Array(0..<100))
    }

    @Test func workSeesItsConnectionAndIsFlushed() throws {
        let pair = EnginePair()
        let seen = Mutex<ObjectIdentifier?>(nil)
        pair.client.connection.workQueue.add { connection in
            seen.withLock { $0 = ObjectIdentifier(connection) }
            connection.open()
        }
        try pair.pump()
        #expect(seen.withLock { $0 } == ObjectIdentifier(pair.client.connection))
        try pair.pump()
        #expect(pair.server.connection.state == .active)
    }

    @Test func workThatWorkAddsComesInTheNextBatch() throws {
        let peer = TestPeer(isServer: false)
        let queue = peer.connection.workQueue
        let log = Mutex<[String]>([])
        queue.add { _ in
            log.withLock { $0.append("first") }
            queue.add { _ in log.withLock { $0.append("inner") } }
        }
        queue.add { _ in log.withLock { $0.append("second") } }
        #expect(try peer.driver.dispatchEvents())
        #expect(log.withLock { $0 } == ["first", "second"])
        try peer.driver.dispatchEvents()
        #expect(log.withLock { $0 } == ["first", "second", "inner"])
    }

    @Test(.timeLimit(.minutes(1))) func jobsThatJobsAddRunInTheSameBatchWithinABudget() async throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        queue.drive()
        let (steps, isOver) = (Shared(0), Shared(false))
        let task = Task(executorPreference: queue.taskExecutor) {
            while !isOver.withLock({ $0 }) {
                steps.withLock { $0 += 1 }
                await Task.yield()
            }
        }
        // Somebody else's thread puts the first job in.
        while !queue.hasWork { await Task.yield() }
        try queue.runBatch {}
        let first = steps.withLock { $0 }
        #expect(first > WorkQueue.budget / 2 && first <= WorkQueue.budget + 1 && queue.hasWork)
        isOver.withLock { $0 = true }
        try await drain(queue, until: task)
        // No driver is there to free it.
        queue.abandon {}
        withExtendedLifetime(connection) {}
    }

    @Test func theFirstErrorComesOutAndTheRestRuns() throws {
        let peer = TestPeer(isServer: false)
        let count = Mutex(0)
        for number in 0..<3 {
            peer.connection.workQueue.add { _ in
                count.withLock { $0 += 1 }
                throw PairError(what: "\(number)")
            }
        }
        let error = #expect(throws: PairError.self) { try peer.driver.dispatchEvents() }
        #expect(error?.what == "0" && count.withLock { $0 } == 3)
    }

    @Test(.timeLimit(.minutes(1))) func fromManyThreads() async throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        let logs = Shared<[Int: [Int]]>([:])
        await withTaskGroup { group in
            for thread in 0..<8 {
                group.addTask {
                    for number in 0..<1_000 {
                        queue.add { _ in logs.withLock { $0[thread, default: []].append(number) } }
                    }
                }
            }
        }
        queue.release()
        while queue.hasWork { try queue.runParked() }
        #expect(logs.withLock { $0.count } == 8)
        for log in logs.withLock({ $0.values }) { #expect(log == Array(0..<1_000)) }
    }

    @Test func nothingIsTakenOnceItIsClosed() throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        let count = Mutex(0)
        queue.add { _ in count.withLock { $0 += 1 } }
        queue.add { _ in #expect(!queue.add { _ in }, "closed meanwhile") }
        queue.abandon {}
        #expect(count.withLock { $0 } == 1)
        #expect(!queue.add { _ in count.withLock { $0 += 1 } })
        #expect(count.withLock { $0 } == 1)
        queue.abandon {}
    }

    // MARK: The domain

    @Test func theDomainKnowsItsThread() throws {
        let peer = TestPeer(isServer: false)
        let queue = peer.connection.workQueue
        let seen = Mutex<[Bool?]>([])
        peer.events.react = { _ in
            queue.checkIsolated()
            seen.withLock { $0.append(queue.isIsolatingCurrentContext()) }
        }
        queue.add { _ in
            queue.checkIsolated()
            seen.withLock { $0.append(queue.isIsolatingCurrentContext()) }
        }
        try peer.driver.dispatchEvents()
        #expect(seen.withLock { $0 }.count > 1 && seen.withLock { $0 }.allSatisfy { $0 == true })
        #expect(queue.isIsolatingCurrentContext() == false)
    }

    @Test func assumeIsolatedWorksInside() throws {
        let peer = TestPeer(isServer: false)
        let service = Service(queue: peer.connection.workQueue)
        let count = Mutex(0)
        peer.connection.workQueue.add { _ in
            // Callbacks are not made by jobs: this is what `isIsolatingCurrentContext` and `checkIsolated` are for.
            service.assumeIsolated { $0.count += 1 }
            count.withLock { $0 = service.assumeIsolated { $0.count } }
        }
        try peer.driver.dispatchEvents()
        #expect(count.withLock { $0 } == 1)
    }

    @Test func useFromAnotherThreadEndsTheProcessWithAMessage() async throws {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let held = UncheckedMutex(Connection(limits: ConnectionLimits(), eventHandler: EventRecorder()))
            _ = try? await onThread { held.withLock { $0.containerID } }
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("add the work to its workQueue"))
    }

    // MARK: The executor

    @Test(.timeLimit(.minutes(1))) func jobsWaitForTheirConnection() async throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        queue.release()
        let service = Service(queue: queue)
        let task = Task { await service.next() }
        // Somebody else has the connection: its jobs run when they are drained.
        try await drain(queue, until: task)
        #expect(await task.value == 1)
        withExtendedLifetime(connection) {}
    }

    @Test(.timeLimit(.minutes(1))) func jobsRunAfterTheEnd() async throws {
        let connection = Self.connection()
        let service = Service(queue: connection.workQueue)
        let waiting = Task { await service.next() }
        connection.workQueue.abandon {}
        #expect(await waiting.value == 1)
        #expect(await service.next() == 2)
        let total = await withTaskGroup { group in
            for _ in 0..<100 { group.addTask { await service.next() } }
            return await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(total == Set(3...102))
    }

    @Test(.timeLimit(.minutes(2))) func jobsAtTheVeryEndAreInTheDomain() async throws {
        for _ in 0..<1_000 {
            let connection = Self.connection()
            let queue = connection.workQueue
            queue.release()
            let service = Service(queue: queue)
            await withTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<5 { #expect(await service.isInDomain()) }
                    }
                }
                // As a proactor does at a connection's last event.
                group.addTask {
                    try? queue.runBatch { queue.move(.close {}) }
                }
            }
            withExtendedLifetime(connection) {}
        }
    }

    @Test(.timeLimit(.minutes(1))) func aTaskPrefersTheConnection() async throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        queue.release()
        let task = Task(executorPreference: queue.taskExecutor) {
            let before = queue.isIsolatingCurrentContext()
            await Task.yield()
            // Not as an actor's job: a task that prefers the queue is isolated to nothing.
            return before == true && #isolation == nil ? queue.isIsolatingCurrentContext() : nil
        }
        try await drain(queue, until: task)
        #expect(await task.value == true)
        withExtendedLifetime(connection) {}
    }

    @Test(.timeLimit(.minutes(1))) func whileParkedTheOwnerIsAsked() async throws {
        let owner = ParkingOwner()
        let connection = Self.connection(owner)
        let queue = connection.workQueue
        queue.release()
        let service = Service(queue: queue)
        for number in 1...100 { #expect(await service.next() == number) }
        #expect(owner.calls.withLock { $0 } > 0)
        let work = await withCheckedContinuation { continuation in
            queue.add { connection in continuation.resume(returning: connection.containerID) }
        }
        #expect(work == nil)
        queue.abandon {}
        #expect(await service.next() == 101)
        withExtendedLifetime(connection) {}
    }

    @Test(.timeLimit(.minutes(1))) func whatWaitsIsRunWhenItIsReleased() async throws {
        let connection = Self.connection(ParkingOwner())
        await withCheckedContinuation { continuation in
            connection.workQueue.add { _ in continuation.resume() }
            connection.workQueue.release()
        }
        withExtendedLifetime(connection) {}
    }

    // MARK: Places

    @Test func workThatWasParkedDoesNotRunOutsideOfABatchOnceTheConnectionIsAttached() throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        let log = Mutex<[String]>([])
        queue.add { _ in
            log.withLock { $0.append("hand over") }
            queue.add { _ in log.withLock { $0.append("later") } }
            // As a try to connect does; a driver stands for the proactor.
            queue.move(.park)
        }
        queue.add { _ in log.withLock { $0.append("next") } }
        queue.release()
        try queue.runParked()
        #expect(log.withLock { $0 } == ["hand over"])
        queue.drive()
        try queue.runParked()
        #expect(log.withLock { $0 } == ["hand over"], "it is no longer parked")
        try queue.runBatch {}
        #expect(log.withLock { $0 } == ["hand over", "next", "later"])
        queue.abandon {}
        withExtendedLifetime(connection) {}
    }

    @Test func theLoopOfADriverIsToldOfWork() throws {
        let connection = Self.connection(ParkingOwner(runs: false))
        let queue = connection.workQueue
        let wakes = Shared(0)
        queue.add { _ in queue.move(.drive({ wakes.withLock { $0 += 1 } }, {})) }
        queue.release()
        try queue.runParked()
        #expect(!queue.hasWork && wakes.withLock { $0 } == 0)
        queue.add { _ in }
        queue.add { _ in }
        #expect(queue.hasWork && wakes.withLock { $0 } == 1)
        try queue.runBatch {}
        #expect(!queue.hasWork)
        queue.abandon {}
    }

    @Test func aBatchThatFailsAsItClosesIsClosedAllTheSame() throws {
        let connection = Self.connection()
        let queue = connection.workQueue
        let log = Mutex<[String]>([])
        queue.drive()
        queue.add { _ in log.withLock { $0.append("work") } }
        let error = #expect(throws: PairError.self) {
            try queue.runBatch {
                queue.move(.close { log.withLock { $0.append("finish") } })
                throw PairError(what: "handler")
            }
        }
        #expect(error?.what == "handler" && log.withLock { $0 } == ["work", "finish"])
        #expect(!queue.add { _ in })
        withExtendedLifetime(connection) {}
    }

    @Test func whatABatchMovesElsewhereTakesItsWorkAlong() throws {
        let owner = ParkingOwner(runs: false)
        let connection = Self.connection(owner)
        let queue = connection.workQueue
        let log = Mutex<[String]>([])
        queue.drive()
        try queue.runBatch {
            queue.add { _ in log.withLock { $0.append("work") } }
            queue.move(.park)
        }
        #expect(log.withLock { $0 }.isEmpty && owner.calls.withLock { $0 } == 1)
        try queue.runParked()
        #expect(log.withLock { $0 } == ["work"])
        withExtendedLifetime(connection) {}
    }

    /// Drains a queue that nobody else drains, until a task has ended.
    private func drain<Value>(_ queue: WorkQueue, until task: Task<Value, Never>) async throws {
        let ended = Mutex(false)
        let watch = Task {
            _ = await task.value
            ended.withLock { $0 = true }
        }
        while !ended.withLock({ $0 }) {
            try queue.runParked()
            try queue.runBatch {}
            await Task.yield()
        }
        await watch.value
    }
}

/// An owner that has the items of a parked connection run on a thread of the pool.
private final class ParkingOwner: ConnectionOwner {
    let calls = Mutex(0)
    private let runs: Bool

    init(runs: Bool = true) { self.runs = runs }

    func mayBorrow(_ queue: WorkQueue) -> Bool { false }
    func runItems(of queue: WorkQueue) {
        calls.withLock { $0 += 1 }
        if runs { Task.detached { try? queue.runParked() } }
    }
    var isDispatching: Bool { true }
    func connectionOpened(_ connection: Connection) {}
    func transportClosed(_ connection: Connection) -> Bool { false }
    func connectionFinished(_ connection: Connection) {}
    func endedWithoutTransport(_ connection: Connection) {}
    func setDeadline(
        of connection: Connection, after time: Duration, _ work: @escaping @Sendable (Connection) throws -> Void
    ) {}
}

/// A value that several threads change.
private final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) {
        mutex = Mutex(value)
    }

    func withLock<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        mutex.withLock { body(&$0) }
    }
}

/// An actor that lives in a connection's domain.
actor Service {
    private let queue: WorkQueue
    var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    init(queue: WorkQueue) {
        self.queue = queue
    }

    func next() -> Int {
        count += 1
        return count
    }

    func isInDomain() -> Bool { queue.isIsolatingCurrentContext() == true }
}
