// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Proton
import Synchronization

/// The roles of the async client: an ordinary task of the global executor sends, receives or asks, on a connection that it
/// makes.
enum AsyncPeer {
    /// What a role does with its messages.
    enum Style: String, CaseIterable {
        /// One task: sending hands messages over and waits for their outcomes later; receiving takes one by one.
        case one
        /// Sending by 256 tasks that each wait for their outcome; receiving in batches.
        case many
    }

    /// Runs a role, with this thread waiting for it.
    /// - Parameter prefersThread: whether the role's tasks run on the connection's thread.
    static func run(
        _ role: Throughput.Role, _ style: Style, _ settings: Settings, _ report: Report, prefersThread: Bool
    ) throws {
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)
        Task.detached {
            do {
                try await AMQPClient(settings.server, options: settings.options).withConnection { connection in
                    try await withTaskExecutorPreference(prefersThread ? connection.taskExecutor : nil) {
                        switch (role, style) {
                        case (.send, .one): try await send(settings, report, connection)
                        case (.send, .many): try await sendByTasks(settings, report, connection)
                        case (.recv, .one): try await receive(settings, report, connection)
                        case (.recv, .many): try await receiveBatches(settings, report, connection)
                        case (.ping, _): try await ask(settings, report, connection)
                        default: throw ProtonError(.invalidArgument, "--async is for send, recv and ping.")
                        }
                    }
                }
            } catch {
                failure.withLock { $0 = error }
            }
            done.signal()
        }
        done.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private static func send(_ settings: Settings, _ report: Report, _ connection: AMQPConnection) async throws {
        let payload = try Payload(settings)
        try await connection.withSender(to: settings.address, options: [settings.linkOption]) { sender in
            report.start()
            // As many outcomes as a program waits for later: to hold all would measure the system's memory.
            let most = 4_096
            var receipts: [SendReceipt] = []
            for id in 0..<settings.count {
                let receipt = try await sender.submit(payload.message(UInt64(id)))
                if receipts.count < most {
                    receipts.append(receipt)
                } else {
                    if try await receipts[id % most].outcome != .accepted { report.others += 1 }
                    receipts[id % most] = receipt
                }
            }
            for receipt in receipts { if try await receipt.outcome != .accepted { report.others += 1 } }
            report.count = settings.count
            report.end()
        }
    }

    private static func sendByTasks(
        _ settings: Settings, _ report: Report, _ connection: AMQPConnection
    ) async throws {
        let payload = try Payload(settings)
        try await connection.withSender(to: settings.address, options: [settings.linkOption]) { sender in
            report.start()
            let tasks = 256
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<tasks {
                    group.addTask {
                        for id in stride(from: task, to: settings.count, by: tasks) {
                            try await sender.send(payload.message(UInt64(id)))
                        }
                    }
                }
                try await group.waitForAll()
            }
            report.count = settings.count
            report.end()
        }
    }

    private static func receive(_ settings: Settings, _ report: Report, _ connection: AMQPConnection) async throws {
        let payload = try Payload(settings)
        for try await delivery in connection.receiver(from: settings.address, window: settings.window) {
            report.start()
            report.checksum &+= payload.consume(delivery.message)
            delivery.accept()
            report.count += 1
            if report.count == settings.count { break }
        }
        report.end()
    }

    private static func receiveBatches(
        _ settings: Settings, _ report: Report, _ connection: AMQPConnection
    ) async throws {
        let payload = try Payload(settings)
        let receiver = connection.receiver(from: settings.address, window: settings.window)
        for try await batch in receiver.batches(of: max(1, settings.window / 8)) {
            report.start()
            for delivery in batch { report.checksum &+= payload.consume(delivery.message) }
            receiver.settle(batch)
            report.count += batch.count
            if report.count >= settings.count { break }
        }
        report.end()
    }

    private static func ask(_ settings: Settings, _ report: Report, _ connection: AMQPConnection) async throws {
        let payload = try Payload(settings)
        report.start()
        for id in 0..<settings.count {
            let start = nanoseconds()
            _ = try await connection.request(payload.message(UInt64(id)), to: settings.address)
            report.note(latency: start)
            report.count += 1
        }
        report.end()
    }
}
