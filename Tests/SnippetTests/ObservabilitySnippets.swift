// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle && Tracing

import Logging
import Proton
import ProtonMetrics
import ProtonServiceLifecycle
import ProtonTracing
import ServiceLifecycle
import UnixSignals

/// The snippets of Observability.md, compiled: each as it is in the article, in what it needs around it.
enum ObservabilitySnippets {
    struct TurnOnMetricsAndTraces {
        func instrumentedClient() throws -> AMQPClient {
            var client = try AMQPClient("amqps://broker.example")
            client.instruments = [AMQPMetrics(), AMQPTracing()]
            return client
        }
    }

    struct FollowAMessage {
        func work(_ connection: AMQPConnection) async throws {
            for try await delivery in connection.receiver(from: "jobs") {
                try await delivery.process {
                    // A child of the message's sender's span.
                    try await connection.send(delivery.message, to: "results")
                }
                delivery.accept()
            }
        }
    }

    struct WriteAnInstrumentOfYourOwn {
        struct SlowSends: AMQPInstrument {
            let logger: Logger

            func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? {
                { result, latency in
                    if latency > .seconds(1) { logger.warning("\(link.address ?? "-") took \(latency): \(result)") }
                }
            }
        }
    }

    struct EndGracefully {
        func run(_ client: AMQPClient, untilAsked: @escaping @Sendable () async -> Void) async throws {
            try await client.withConnection { connection in
                let watch = Task {
                    await untilAsked()
                    connection.finishReceiving()
                }
                defer { watch.cancel() }
                for try await delivery in connection.receiver(from: "jobs") { delivery.accept() }
            }
        }
    }

    struct EndWithAGroupOfServices {
        func runService(_ client: AMQPClient, _ logger: Logger) async throws {
            let work = AMQPService(client) { connection in
                try await connection.serve("service") { request in Message(body: request.body) }
            }
            try await ServiceGroup(
                services: [work], gracefulShutdownSignals: [.sigterm], logger: logger
            ).run()
        }
    }
}

#endif
