// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Hummingbird
import Logging
import Proton
import ProtonServiceLifecycle
import ServiceLifecycle
import UnixSignals

/// An endpoint that sends what is posted to it: `POST /messages/{address}`.
///
/// The answer says what became of the message: 202 where the broker has accepted it, 400 where it is one that the broker will
/// never take, and 503 where another try may do better.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish_http", abstract: "Take messages by HTTP, and send them over AMQP.")

    @Argument(help: "where the broker is")
    var server = "localhost:5672"

    @Option(name: .shortAndLong, help: "port to take HTTP requests on, of this machine only")
    var port = 8080

    @Option(name: .shortAndLong, help: "seconds that the broker may take for a message")
    var seconds = 5.0

    func validate() throws {
        guard (0.001...86_400).contains(seconds) else { throw ValidationError("--seconds: give a number up to 86400.") }
    }

    func run() async throws {
        let logger = Logger(label: "publish_http")
        // The HTTP server runs within the connection: at a shutdown it stops first, and what it has begun is answered.
        let service = AMQPService(try AMQPClient(server)) { [port, seconds] connection in
            let publisher = Publisher(connection: connection, timeout: .seconds(seconds))
            let router = Router()
            router.post("messages/:address") { request, context in
                try await publisher.publish(request, to: context.parameters.require("address"))
            }
            try await Application(
                router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
                logger: logger
            ).run()
        }
        try await ServiceGroup(
            services: [service], gracefulShutdownSignals: [.sigint, .sigterm], logger: logger
        ).run()
    }
}
