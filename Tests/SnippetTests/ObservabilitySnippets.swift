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
private enum ObservabilitySnippets {
    static func instruments() throws -> AMQPClient {
        var client = try AMQPClient("amqps://broker.example")
        client.instruments = [AMQPMetrics(), AMQPTracing()]
        return client
    }

    static func processing(_ connection: AMQPConnection) async throws {
        for try await delivery in connection.receiver(from: "jobs") {
            try await delivery.process {
                // A child of the message's sender's span.
                try await connection.send(result(of: delivery.message), to: "results")
            }
            delivery.accept()
        }
    }

    static func result(of job: Message) -> Message { job }

    struct SlowSends: AMQPInstrument {
        let logger: Logger

        func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? {
            { result, latency in
                if latency > .seconds(1) { logger.warning("\(link.address ?? "-") took \(latency): \(result)") }
            }
        }
    }

    static func frames(_ client: inout AMQPClient) {
        client.options.logFrames(to: Logger(label: "frames"))
        // info frames: peer=127.0.0.1:5672 0 -> @attach(18) [name="q", handle=0x0, role=false, …]
    }

    static func service(_ client: AMQPClient, _ logger: Logger) async throws {
        let work = AMQPService(client) { connection in
            try await connection.serve("service") { request in try await answer(request) }
        }
        try await ServiceGroup(
            services: [work], gracefulShutdownSignals: [.sigterm], logger: logger
        ).run()
    }

    static func answer(_ request: Message) async throws -> Message { request }
}

#endif
