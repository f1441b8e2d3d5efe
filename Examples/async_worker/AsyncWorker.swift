// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExampleSignals
import Proton

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "async_worker",
        abstract: "Work on messages, several at a time; those that fail too often go to another address.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "address on the same broker for messages that fail too often")
    var deadLetters = "examples.failed"

    @Option(name: .shortAndLong, help: "number of messages that are worked on at a time")
    var jobs = 4

    @Option(name: .shortAndLong, help: "number of tries for each message")
    var tries = 3

    @Option(name: .shortAndLong, help: "seconds that the work on a message takes")
    var seconds = 0.0

    @Option(name: .shortAndLong, help: "have the work on each n-th message fail; 0 on none")
    var failing = 0

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs: give a number above 0.") }
        guard tries > 0 else { throw ValidationError("--tries: give a number above 0.") }
        guard (0...86_400).contains(seconds) else { throw ValidationError("--seconds: give a number from 0 to 86400.") }
        guard failing >= 0 else { throw ValidationError("--failing: give 0 or a number above it.") }
    }

    func run() async throws {
        let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
        let url = try AMQPURL(address)
        try await AMQPClient(address, options: options).withConnection { connection in
            try await untilStopped { [jobs, tries, deadLetters, seconds, failing] in
                let worker = Worker(
                    connection: connection, deadLetters: deadLetters, tries: tries, time: .seconds(seconds),
                    failing: failing)
                // The broker may send as many ahead as are worked on: the rest is for other workers.
                try await connection.withReceiver(from: url.path, window: 2 * jobs) { receiver in
                    try await worker.work(on: receiver, jobs)
                }
            }
        }
    }
}

/// Why the work on a message failed.
private struct WorkError: Error {}

/// What is done with messages, and with those that it fails for.
private struct Worker: Sendable {
    let connection: AMQPConnection
    let deadLetters: String
    let tries: Int
    let time: Duration
    let failing: Int

    /// Works on messages as they come, on a number of them at a time, until its task is cancelled.
    func work(on receiver: AMQPReceiver, _ jobs: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for try await delivery in receiver {
                if running == jobs {
                    try await group.next()
                    running -= 1
                }
                group.addTask { try await handle(delivery) }
                running += 1
            }
            // The loop ends when the task is cancelled, and with it its jobs: each says what becomes of its message.
            try await group.waitForAll()
        }
    }

    /// Works on a message, and says what becomes of it.
    private func handle(_ delivery: AMQPDelivery) async throws {
        let message = delivery.message
        do {
            try await work(on: message)
            print("done:", message.body)
            delivery.accept()
        } catch is WorkError {
            // Tries before this one, which failed.
            let before = Int(message.deliveryCount)
            guard before + 1 >= tries else { return delivery.release(delivered: true) }
            // Accepted only once it is elsewhere: where this throws, the message goes back.
            try await connection.send(message, to: deadLetters)
            print("failed:", message.body)
            delivery.accept()
        } catch is CancellationError {
            // Not the message's fault: the try does not count.
            delivery.release()
        }
    }

    /// The work, which takes its time, and fails where it was told to.
    private func work(on message: Message) async throws {
        print("begin:", message.body)
        try await Task.sleep(for: time)
        let number = message.id?.intValue ?? 0
        if failing > 0, number.isMultiple(of: failing) { throw WorkError() }
    }
}
