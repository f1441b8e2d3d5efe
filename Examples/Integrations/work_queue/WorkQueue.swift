// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Proton
import ProtonServiceLifecycle
import ServiceLifecycle
import UnixSignals

/// A queue of jobs: those that fail are tried again later and later, and in the end put aside.
///
/// The broker has to know delayed delivery by the annotation `x-opt-delivery-delay`, and transactions.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work_queue", abstract: "Work on jobs, with retries, back-off and dead letters.",
        subcommands: [Add.self, Work.self])
}

struct QueueOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "address of the queue of jobs")
    var address = "localhost:5672/jobs"
}

struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Add a job to the queue.")

    @OptionGroup var queue: QueueOptions

    @Argument(help: "the job's name")
    var name: String

    @Option(name: .shortAndLong, help: "number of tries that fail")
    var fails = 0

    @Option(name: .shortAndLong, help: "seconds before it is tried at first")
    var delay = 0.0

    func validate() throws {
        guard fails >= 0 else { throw ValidationError("--fails: give 0 or a number above it.") }
        guard (0...86_400).contains(delay) else { throw ValidationError("--delay: give a number from 0 to 86400.") }
    }

    func run() async throws {
        let url = try AMQPURL(queue.address)
        let job = Job(name, failures: fails, delay: .seconds(delay))
        try await AMQPClient(queue.address, options: ConnectionOptions(reconnect: nil)).withConnection { connection in
            _ = try await connection.send(job.message, to: url.path ?? "", timeout: .seconds(10))
        }
        print("added: \(name)")
    }
}

struct Work: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Work on jobs until the process is to end.")

    @OptionGroup var queue: QueueOptions

    @Option(help: "address on the same broker for jobs that are given up")
    var deadLetters = "jobs.dead"

    @Option(name: .shortAndLong, help: "number of jobs that are worked on at a time")
    var jobs = 4

    @Option(name: .shortAndLong, help: "number of tries for each job")
    var tries = 5

    @Option(help: "seconds between the first try and the second; twice as many each time")
    var firstDelay = 1.0

    @Option(help: "the most seconds between two tries")
    var maxDelay = 300.0

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs: give a number above 0.") }
        guard tries > 0 else { throw ValidationError("--tries: give a number above 0.") }
        guard (0...86_400).contains(firstDelay), (0...86_400).contains(maxDelay) else {
            throw ValidationError("--first-delay, --max-delay: give numbers from 0 to 86400.")
        }
    }

    func run() async throws {
        let node = try AMQPURL(queue.address).path ?? ""
        let policy = RetryPolicy(maxTries: tries, firstDelay: .seconds(firstDelay), maxDelay: .seconds(maxDelay))
        let work = AMQPService(try AMQPClient(queue.address)) { [jobs, deadLetters] connection in
            try await Worker(connection: connection, queue: node, deadLetters: deadLetters, policy: policy).work(jobs)
        }
        try await ServiceGroup(
            services: [work], gracefulShutdownSignals: [.sigint, .sigterm], logger: Logger(label: "work_queue")
        ).run()
    }
}
