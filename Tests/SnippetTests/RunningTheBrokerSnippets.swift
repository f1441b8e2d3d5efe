// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Proton
import ProtonBroker

/// The snippets of RunningTheBroker.md, compiled: each as it is in the article, in what it needs around it.
enum RunningTheBrokerSnippets {
    struct StartItInAProgram {
        func startBroker() throws -> Broker {
            var options = BrokerOptions()
            options.queues = [QueueDeclaration("orders")]
            // The default address is a free port of this machine: `broker.address` says which.
            return try Broker.start("localhost:5672", options: options)
        }
    }

    struct SeeWhatItHolds {
        func deepestQueue(of broker: Broker) -> QueueStatus? {
            broker.status.queues.max { $0.waiting < $1.waiting }
        }
    }

    struct MeasureIt {
        func startMeasured(_ factory: some MetricsFactory) throws -> Broker {
            MetricsSystem.bootstrap(factory)  // such as that of swift-prometheus or swift-statsd
            var options = BrokerOptions()
            options.metricsInterval = .seconds(10)
            return try Broker.start("0.0.0.0:5672", options: options)
        }
    }
}
