// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Proton
import Synchronization

extension Feature {
    /// A load of messages that are each to arrive at least once, while the broker ends and is started again.
    static let rabbitMQRestarts: [Feature] = [
        Feature("killed under load: no confirmed message is lost", needed: [.rabbitMQ4]) { peer in
            try load(peer, SIGKILL)
        },
        Feature("stopped under load: no confirmed message is lost", needed: [.rabbitMQ4]) { peer in
            try load(peer, SIGTERM)
        },
    ]

    private static func load(_ peer: Peer, _ signal: Int32) throws -> String {
        try Load(peer, try peer.newQueue()).run { try peer.end(signal) }
        return ""
    }
}

/// Threads that send and one that receives, over connections that are made again when they are lost.
private final class Load: Sendable {
    private enum Role {
        case sender
        case receiver
    }

    private struct State {
        /// Messages that the broker has accepted.
        var confirmed: Set<Int> = []
        var received: Set<Int> = []
        /// What ended a thread before its time.
        var failure: String?
        var isEnough = false
        /// How many threads there are of each kind.
        var threads: [Role: Int] = [:]
    }

    private let state = Mutex(State())
    private let changed = DispatchSemaphore(value: 0)
    private let (peer, queue): (Peer, String)
    private let start = ContinuousClock.now

    init(_ peer: Peer, _ queue: String) {
        (self.peer, self.queue) = (peer, queue)
    }

    /// Runs the load, and has the broker ended in the middle of it.
    func run(_ end: () throws -> Void) throws {
        for number in 0..<4 { begin(.sender) { try $0.send(number * 1_000_000) } }
        begin(.receiver) { try $0.receive() }
        // See `Peer.newQueue`: the queue has to be a little older before it can be relied upon.
        let isOld = start + .seconds(2)
        try wait { $0.received.count >= 500 && ContinuousClock.now > isOld }
        try end()
        let before = state.withLock(\.received.count)
        try wait { $0.received.count >= before + 500 }
        update { $0.isEnough = true }
        try wait { $0.threads[.sender] == 0 && $0.threads[.receiver] == 0 }
        let missing = state.withLock { $0.confirmed.subtracting($0.received) }
        try require(missing.isEmpty, "\(missing.count) confirmed messages are lost")
    }

    private func begin(_ role: Role, _ body: @escaping @Sendable (Load) throws -> Void) {
        update { $0.threads[role, default: 0] += 1 }
        Foundation.Thread.detachNewThread { [self] in
            let failure: String?
            do {
                try body(self)
                failure = nil
            } catch {
                failure = "\(error)"
            }
            update { state in
                state.threads[role, default: 0] -= 1
                state.failure = state.failure ?? failure
            }
        }
    }

    private func update(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        changed.signal()
    }

    /// Waits for something that is to be so within a minute and a half of the load's beginning.
    private func wait(until condition: (State) -> Bool) throws {
        while true {
            let (isSo, failure) = state.withLock { (condition($0), $0.failure) }
            if failure == nil, isSo { return }
            let isLate = changed.wait(timeout: .now() + .seconds(60)) == .timedOut || isOver
            guard failure != nil || isLate else { continue }
            let (confirmed, received) = state.withLock { ($0.confirmed.count, $0.received.count) }
            update { $0.isEnough = true }
            let reason = failure ?? "the time is over"
            throw Lacking("\(reason) (\(confirmed) messages are confirmed, \(received) are received)")
        }
    }

    private var isOver: Bool { ContinuousClock.now > start + .seconds(90) }

    /// Sends messages, each until the broker has accepted it.
    private func send(_ first: Int) throws {
        let connection = try peer.connect(ConnectionOptions(), timeout: .seconds(60))
        let sender = try connection.createSender(queue)
        var number = first
        while !state.withLock(\.isEnough) {
            do {
                try sender.send(Message(body: .value(AMQPValue(number)), isDurable: true))
                update { $0.confirmed.insert(number) }
                number += 1
            } catch let error as ProtonError where error.code == .inDoubt && !isOver {
                // What became of it is not known: it is sent again.
            } catch let error as SendError where error.outcome == .released && !isOver {}
        }
        try connection.close()
    }

    /// Receives until all that is confirmed has come.
    private func receive() throws {
        let connection = try peer.connect(ConnectionOptions(), timeout: .seconds(60))
        let receiver = try connection.createReceiver(queue, credit: 10)
        while !state.withLock({ $0.isEnough && $0.threads[.sender] == 0 && $0.confirmed.isSubset(of: $0.received) }) {
            do {
                let number = try receiver.receive(timeout: .seconds(1)).body.value.intValue ?? -1
                try receiver.accept()
                update { $0.received.insert(number) }
            } catch let error as ProtonError where error.code == .timedOut && !isOver {}
        }
        try connection.close()
    }
}
