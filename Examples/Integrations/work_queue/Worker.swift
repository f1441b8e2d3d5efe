// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Why the work on a job failed.
struct WorkError: Error, CustomStringConvertible {
    let description: String
}

/// Works on jobs, and says what becomes of those that fail.
///
/// A job that failed does not go back to its queue, where it would come again at once: a copy goes there that the broker keeps
/// for a while. The copy is sent and the job is accepted in one transaction, so that there is always one of them.
struct Worker: Sendable {
    let connection: AMQPConnection
    let queue: String
    let deadLetters: String
    let policy: RetryPolicy

    /// Works on a number of jobs at a time, until no more come.
    func work(_ count: Int) async throws {
        try await connection.withReceiver(from: queue, window: count) { receiver in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<count {
                    group.addTask { for try await delivery in receiver { try await handle(delivery) } }
                }
                try await group.waitForAll()
            }
        }
    }

    private func handle(_ delivery: AMQPDelivery) async throws {
        let job = Job(delivery.message)
        do {
            try await work(on: job)
            print("done: \(job.name), try \(job.tries + 1)")
            delivery.accept()
        } catch let error as WorkError {
            try await handle(error, of: job, delivery)
        } catch is CancellationError {
            // Not the job's fault: the try does not count.
            delivery.release()
        }
    }

    private func handle(_ error: WorkError, of job: Job, _ delivery: AMQPDelivery) async throws {
        switch policy.decision(after: job.tries + 1) {
        case .retry(let delay):
            print("failed: \(job.name), try \(job.tries + 1), again in \(delay)")
            try await replace(delivery, by: job.retried(after: delay), in: queue)
        case .giveUp:
            print("given up: \(job.name), try \(job.tries + 1)")
            try await replace(delivery, by: job.givenUp(error.description), in: deadLetters)
        }
    }

    /// Where it throws, nothing of it holds, and the job comes again.
    private func replace(_ delivery: AMQPDelivery, by message: Message, in address: String) async throws {
        try await connection.withTransaction { transaction in
            try await transaction.send(message, to: address)
            transaction.accept(delivery)
        }
    }

    /// The work, which fails as often as the job says.
    private func work(on job: Job) async throws {
        try Task.checkCancellation()
        if job.tries < job.failures { throw WorkError(description: "This was try \(job.tries + 1).") }
    }
}
