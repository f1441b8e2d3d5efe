// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Proton
import ProtonServiceLifecycle
import ServiceLifecycle
import UnixSignals

/// As `async_worker`, in a group of services that ends in good order: at SIGTERM no more messages come, those that are here
/// are worked on to the end, and then the connection is closed.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker_service", abstract: "Work on messages, several at a time, until the process is to end.")

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "number of messages that are worked on at a time")
    var jobs = 4

    @Option(name: .shortAndLong, help: "seconds that the work on a message takes")
    var seconds = 0.0

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs: give a number above 0.") }
        guard (0...86_400).contains(seconds) else { throw ValidationError("--seconds: give a number from 0 to 86400.") }
    }

    func run() async throws {
        let node = try AMQPURL(address).path
        let work = AMQPService(try AMQPClient(address)) { [jobs, seconds] connection in
            try await connection.withReceiver(from: node, window: jobs) { receiver in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // As many tasks take messages from the one receiver as may be worked on.
                    for _ in 0..<jobs {
                        group.addTask {
                            for try await delivery in receiver {
                                try await handle(delivery, for: .seconds(seconds))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
        var configuration = ServiceGroupConfiguration(
            services: [work], gracefulShutdownSignals: [.sigint, .sigterm], logger: Logger(label: "worker"))
        // Work that takes longer is cancelled, and its message comes again.
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
    }
}

/// Works on a message, and says what becomes of it.
private func handle(_ delivery: AMQPDelivery, for time: Duration) async throws {
    do {
        print("begin:", delivery.message.body)
        try await Task.sleep(for: time)
        print("done:", delivery.message.body)
        delivery.accept()
    } catch is CancellationError {
        delivery.release()
    }
}
