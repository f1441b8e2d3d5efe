// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Logging
import Proton
import ProtonServiceLifecycle
import ServiceLifecycle
import UnixSignals

/// Posts each message of a queue to a URL, until that takes it: the other side of `publish_http`.
///
/// The retries are the broker's: a message goes back as failed, and comes again later and later, until it is a dead letter.
/// Our broker does so by `--max-deliveries`, `--redelivery-delay` and `--dead-letter`.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook_sender", abstract: "Post the messages of a queue by HTTP.")

    @Argument(help: "the URL to post to")
    var url: String

    @Option(name: .shortAndLong, help: "address from which messages are received")
    var address = "localhost:5672/hooks"

    @Option(name: .shortAndLong, help: "number of messages that are posted at a time")
    var jobs = 4

    @Option(name: .shortAndLong, help: "seconds that a response may take")
    var seconds = 10.0

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs: give a number above 0.") }
        guard (0.001...86_400).contains(seconds) else { throw ValidationError("--seconds: give a number up to 86400.") }
        guard let url = URL(string: url), ["http", "https"].contains(url.scheme), url.host != nil else {
            throw ValidationError("'\(url)' is no URL to post to: give one that begins with http:// or https://.")
        }
    }

    func run() async throws {
        guard let url = URL(string: url) else { throw ValidationError("'\(url)' is no URL.") }
        let node = try AMQPURL(address).path
        let webhook = Webhook(url, timeout: .seconds(seconds))
        let work = AMQPService(try AMQPClient(address)) { [jobs] connection in
            try await connection.withReceiver(from: node, window: jobs) { receiver in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<jobs {
                        group.addTask { for try await delivery in receiver { try await post(delivery, to: webhook) } }
                    }
                    try await group.waitForAll()
                }
            }
        }
        try await ServiceGroup(
            services: [work], gracefulShutdownSignals: [.sigint, .sigterm], logger: Logger(label: "webhook_sender")
        ).run()
    }
}

/// Posts a message, and says what becomes of it.
private func post(_ delivery: AMQPDelivery, to webhook: Webhook) async throws {
    let message = delivery.message
    do {
        switch try await webhook.post(message) {
        case .taken:
            print("taken: \(message.body)")
            delivery.accept()
        case .failed(let reason):
            print("failed: \(message.body): \(reason)")
            delivery.release(delivered: true)
        case .refused(let reason):
            print("refused: \(message.body): \(reason)")
            delivery.reject(Condition("webhook:refused", reason))
        }
    } catch is CancellationError {
        delivery.release()
    }
}
