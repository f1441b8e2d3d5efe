// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import ProtonBroker
import ServiceLifecycle

/// A broker in this process, as a service: it ends after those that come behind it in the group.
struct BrokerService: Service {
    let broker: Broker

    func run() async throws {
        try? await gracefulShutdown()
        // It waits for the peers to close their side, which a task must not.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                broker.stop()
                continuation.resume()
            }
        }
    }
}
