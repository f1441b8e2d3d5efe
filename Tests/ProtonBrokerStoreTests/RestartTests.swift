// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Proton
import ProtonTesting
import ProtonUtilities
import Synchronization
import Testing

@testable import store_writer

/// Programs that go on over the restarts of their broker, by the library's own reconnecting.
@Suite(.serialized) struct RestartTests {
    private static let restarts = 20

    @Test(.timeLimit(.minutes(5)), arguments: [1, 4])
    func atLeastOnceOverManyRestarts(threads: Int) async throws {
        let folder = try Folder()
        // Between two brokers nobody else may take the port: the clients would go there.
        let held = try HeldPort()
        let load = Load(port: held.number, connections: 4)
        async let run: Void = onThread { try Container().run(threads: threads, handler: load) }
        try await onThread { [path = folder.file(), port = held.number] in
            // However this ends, the clients end too.
            defer { load.close() }
            for round in 1...Self.restarts {
                let broker = try Self.serve(path, port)
                // Killed in the middle of what it does, as soon as every connection has come further.
                guard load.waitForProgress() else { throw TestFailure("round \(round): nothing is accepted any more") }
                broker.kill()
            }
            let broker = try Self.serve(path, port)
            guard load.finish() else { throw TestFailure("it does not come to an end: \(load.summary)") }
            broker.kill()
        }
        try await run
        withExtendedLifetime((folder, held)) {}
        #expect(load.lost.isEmpty, "accepted and never received")
        #expect(load.accepted > Self.restarts * 4)
    }

    /// Starts a broker with a store on a port, and waits until it listens.
    private static func serve(_ path: String, _ port: Int) throws -> StoreProgram {
        let broker = try StoreProgram("serve", path, "2", "\(port)")
        broker.read(lines: 1, atMost: .seconds(10))
        guard broker.lines == ["\(port)"] else { throw TestFailure("no broker on port \(port): \(broker.lines)") }
        return broker
    }
}

private struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Sends numbered messages to a queue a connection, each again until it is accepted, and receives them.
///
/// Its state is under a lock, since the callbacks of several connections are made at the same time.
private final class Load: MessagingHandler, Sendable {
    private struct Line {
        var next: UInt64 = 0
        var again: [UInt64] = []
        var unanswered: [Delivery: UInt64] = [:]
        var accepted: Set<UInt64> = []
        var received: Set<UInt64> = []
        /// How many were accepted when the broker was killed last.
        var mark = 0

        var isComplete: Bool { unanswered.isEmpty && again.isEmpty && accepted.isSubset(of: received) }
    }

    private struct State {
        var lines: [String: Line] = [:]
        var queues: [WorkQueue] = []
        var isFinishing = false
    }

    private let port: Int
    private let count: Int
    private let state = Monitor(State())

    init(port: Int, connections: Int) {
        (self.port, count) = (port, connections)
    }

    func onStart(_ event: ContainerEvent) throws {
        let reconnect = Backoff(initial: .milliseconds(5), max: .milliseconds(50))
        for number in 0..<count {
            let name = "queue-\(number)"
            let connection = try event.container.connect(
                "127.0.0.1:\(port)", options: ConnectionOptions(containerID: name, reconnect: reconnect))
            state.withLock { state in
                state.lines[name] = Line()
                state.queues.append(connection.workQueue)
            }
            try event.container.createSender(connection, name, options: .atLeastOnce)
            try event.container.createReceiver(connection, name)
        }
    }

    private func withLine(_ connection: Connection, _ body: (inout Line) -> Void) {
        guard let name = connection.containerID else { return }
        state.withLock { body(&$0.lines[name, default: Line()]) }
    }

    func onSendable(_ event: SenderEvent) throws { try send(on: event.sender) }

    private func send(on sender: Sender) throws {
        while sender.credit > 0, let number = takeNumber(for: sender.connection) {
            var message = Message(body: .value(.ulong(number)))
            message.isDurable = true
            let delivery = try sender.send(message)
            withLine(sender.connection) { $0.unanswered[delivery] = number }
        }
    }

    /// The number to send next, where there is one.
    private func takeNumber(for connection: Connection) -> UInt64? {
        state.withLock { state in
            guard let name = connection.containerID, var line = state.lines[name], line.unanswered.count < 50 else {
                return nil
            }
            defer { state.lines[name] = line }
            if let number = line.again.popLast() { return number }
            guard !state.isFinishing else { return nil }
            line.next += 1
            return line.next
        }
    }

    func onAccepted(_ event: DeliveryEvent) throws {
        withLine(event.connection) { line in
            if let number = line.unanswered.removeValue(forKey: event.delivery) { line.accepted.insert(number) }
        }
        if let sender = event.sender { try send(on: sender) }
    }

    func onReleased(_ event: DeliveryEvent) {
        withLine(event.connection) { line in
            if let number = line.unanswered.removeValue(forKey: event.delivery) { line.again.append(number) }
        }
    }

    func onMessage(_ event: MessageEvent) {
        withLine(event.connection) { line in
            if case .value(.ulong(let number)) = event.message.body { line.received.insert(number) }
        }
    }

    func onDisconnected(_ event: TransportEvent) {
        withLine(event.connection) { line in
            line.again += line.unanswered.values
            line.unanswered = [:]
        }
    }

    func onTransportError(_ event: TransportEvent) {}

    // MARK: The other thread

    /// Waits until each connection has had messages accepted since the last kill.
    func waitForProgress() -> Bool {
        let progress: Void? = state.wait(until: Deadline(after: .seconds(20))) { state in
            let isFurther = state.lines.count == count && state.lines.values.allSatisfy { $0.accepted.count > $0.mark }
            guard isFurther else { return nil }
            state.lines = state.lines.mapValues { line in
                var line = line
                line.mark = line.accepted.count
                return line
            }
            return ()
        }
        return progress != nil
    }

    /// Sends nothing new from now on, and waits until everything has come.
    func finish() -> Bool {
        state.withLock { $0.isFinishing = true }
        let end: Void? = state.wait(until: Deadline(after: .seconds(60))) { state in
            state.lines.values.allSatisfy(\.isComplete) ? () : nil
        }
        return end != nil
    }

    func close() {
        for queue in state.withLock({ $0.queues }) { queue.add { $0.close() } }
    }

    var summary: String {
        state.withLock { state in
            state.lines.map { name, line in
                "\(name): \(line.next) sent, \(line.accepted.count) accepted, \(line.received.count) received, "
                    + "\(line.unanswered.count) unanswered, \(line.again.count) to send again"
            }.joined(separator: "; ")
        }
    }

    var lost: [UInt64] { state.withLock { $0.lines.values.flatMap { $0.accepted.subtracting($0.received) } } }
    var accepted: Int { state.withLock { $0.lines.values.reduce(0) { $0 + $1.accepted.count } } }
}

#endif
