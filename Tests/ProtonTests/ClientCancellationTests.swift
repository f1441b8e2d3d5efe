// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// Sends and receives that are cancelled at random: nothing is lost, and nothing is left.
///
/// CLIENT_CANCELLATIONS in the environment says how many messages there are.
@Suite(.timeLimit(.minutes(10)))
struct ClientCancellationTests {
    private static let count =
        ProcessInfo.processInfo.environment["CLIENT_CANCELLATIONS"].flatMap { Int($0) } ?? 2_000

    @Test func nothingIsLostByCancellation() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let sent = try await Self.sendAll(connection)
                let received = try await Self.receiveAll(connection, sent.certain) { broker.status.messages == 0 }
                // What was sent for sure has come; what was not sent for sure has not; each once.
                #expect(received.count == Set(received).count)
                #expect(sent.certain.subtracting(received).isEmpty)
                #expect(sent.not.intersection(received).isEmpty)
            }
            // No link, no delivery.
            _ = try await broker.wait { $0.connections.isEmpty && $0.messages == 0 }
        }
    }

    /// Sends by many tasks, some of which are cancelled at some point.
    private static func sendAll(_ connection: AMQPConnection) async throws -> (certain: Set<Int>, not: Set<Int>) {
        let fates = UncheckedMutex<(certain: Set<Int>, not: Set<Int>)>(([], []))
        let sender = connection.sender(to: "q", bounds: AMQPSender.Bounds(messages: 20))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                let task = Task {
                    do {
                        try await sender.send(Message(body: number))
                        fates.withLock { _ = $0.certain.insert(number) }
                    } catch {
                        if case .notSent? = error as? AMQPSendError { fates.withLock { _ = $0.not.insert(number) } }
                    }
                }
                if number.isMultiple(of: 3) {
                    group.addTask {
                        for _ in 0..<Int.random(in: 0..<20) { await Task.yield() }
                        task.cancel()
                    }
                }
                group.addTask { await task.value }
            }
        }
        await sender.close()
        return fates.withLock { $0 }
    }

    /// Receives by many tasks, which are cancelled at some point, until all that is known to have been sent is there.
    private static func receiveAll(
        _ connection: AMQPConnection, _ certain: Set<Int>, untilEmpty isEmpty: () -> Bool
    ) async throws -> [Int] {
        let received = UncheckedMutex<[Int]>([])
        let receiver = connection.receiver(from: "q", window: 16)
        while !certain.subtracting(received.withLock { $0 }).isEmpty {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    let task = Task {
                        while let delivery = try await receiver.next() {
                            received.withLock { $0.append(delivery.message.body.value.intValue ?? -1) }
                            delivery.accept()
                        }
                    }
                    group.addTask {
                        for _ in 0..<Int.random(in: 0..<500) { await Task.yield() }
                        task.cancel()
                        try await task.value
                    }
                }
                try await group.waitForAll()
            }
        }
        // What was in doubt may be there too.
        while !isEmpty() {
            guard let delivery = try await receiver.next(within: .milliseconds(100)) else { continue }
            received.withLock { $0.append(delivery.message.body.value.intValue ?? -1) }
            delivery.accept()
        }
        await receiver.close()
        return received.withLock { $0 }
    }
}
