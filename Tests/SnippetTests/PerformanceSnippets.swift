// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of Performance.md, compiled: each as it is in the article, in what it needs around it.
enum PerformanceSnippets {
    struct DoNotWaitForEachMessage {
        func sendAll(_ messages: [Message], by sender: AMQPSender) async throws {
            var waiting: [SendReceipt] = []
            for start in stride(from: 0, to: messages.count, by: 500) {
                let receipts = try await sender.submit(contentsOf: messages[start..<min(start + 500, messages.count)])
                // The outcomes of the batch before come while this one is on its way.
                for receipt in waiting { _ = try await receipt.outcome }
                waiting = receipts
            }
            for receipt in waiting { _ = try await receipt.outcome }
        }
    }

    struct ReceiveInBatches {
        func receiveBatches(_ connection: AMQPConnection, _ store: ([Message]) async throws -> Void) async throws {
            let receiver = connection.receiver(from: "readings", window: 1_000)
            for try await batch in receiver.batches(of: 100, within: .milliseconds(50)) {
                try await store(batch.map(\.message))
                receiver.settle(batch)
            }
        }
    }

    struct SaveChangesOfThreads {
        func count(_ receiver: AMQPReceiver, on connection: AMQPConnection) async throws -> Int {
            try await withTaskExecutorPreference(connection.taskExecutor) {
                var count = 0
                for try await delivery in receiver {
                    delivery.accept()
                    count += 1
                }
                return count
            }
        }
    }
}
