// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CoreMetrics
import Hummingbird
import Logging
import PrometheusSupport
import Proton
import ProtonBroker
import ProtonMetrics
import ProtonServiceLifecycle
import ServiceLifecycle
import UnixSignals

/// A service with an HTTP side and an AMQP side:
///
/// - `POST /orders` sends an order to `orders`; `GET /orders/{id}` says what has come of it from `orders.finished`.
/// - `GET /prices/{item}` asks whoever answers requests at `prices`, and is 504 where no response comes in time.
/// - `GET /metrics` is for Prometheus: the client's metrics, and those of the broker where that is in this process.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop_service", abstract: "Publish, consume and ask over AMQP, behind HTTP.")

    @Argument(help: "where the broker is; by default there is one in this process, on a free port")
    var server: String?

    @Option(name: .shortAndLong, help: "port to take HTTP requests on, of this machine only")
    var port = 8080

    @Option(name: .shortAndLong, help: "seconds that the broker, or who answers a request, may take")
    var seconds = 5.0

    func validate() throws {
        guard (0.001...86_400).contains(seconds) else { throw ValidationError("--seconds: give a number up to 86400.") }
    }

    func run() async throws {
        let logger = Logger(label: "shop_service")
        let registry = PrometheusRegistry()
        // Before anything makes a metric.
        MetricsSystem.bootstrap(registry)
        var services: [any Service] = []
        var address = server ?? ""
        if server == nil {
            let broker = try startBroker()
            address = broker.address
            services.append(BrokerService(broker: broker))
        }
        print("broker: \(address)")
        var client = try AMQPClient(address)
        client.instruments = [AMQPMetrics()]
        services.append(
            AMQPService(client) { [port, seconds] connection in
                try await serve(connection, registry, port: port, timeout: .seconds(seconds), logger)
            })
        try await ServiceGroup(
            services: services, gracefulShutdownSignals: [.sigint, .sigterm], logger: logger
        ).run()
    }

    private func startBroker() throws -> Broker {
        var options = BrokerOptions()
        options.metricsInterval = .seconds(1)
        return try Broker.start(options: options)
    }
}

/// Answers HTTP requests and takes messages. At a shutdown both end: the server, and the receiver by the connection.
private func serve(
    _ connection: AMQPConnection, _ registry: PrometheusRegistry, port: Int, timeout: Duration, _ logger: Logger
) async throws {
    let orders = OrderDesk(connection, timeout: timeout)
    let prices = PriceDesk(connection: connection, timeout: timeout)
    let router = Router()
    router.post("orders") { request, _ in try await orders.order(request) }
    router.get("orders/:id") { _, context in orders.status(of: try context.parameters.require("id")) }
    router.get("prices/:item") { _, context in try await prices.price(of: try context.parameters.require("item")) }
    router.get("metrics") { _, _ in
        Response(
            status: .ok, headers: [.contentType: PrometheusRegistry.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: registry.text)))
    }
    let application = Application(
        router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
        logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await application.run() }
        group.addTask { try await orders.follow() }
        // Where one of them fails the other is cancelled.
        try await group.waitForAll()
    }
}
