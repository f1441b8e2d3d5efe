// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import ProtonBroker
import ProtonTesting
import Testing

/// Where a broker's lines go.
@Suite(.timeLimit(.minutes(1)))
struct LoggerTests {
    private final class Client: MessagingHandler {
        let url: String
        init(_ url: String) { self.url = url }
        func onStart(_ event: ContainerEvent) throws { try event.container.connect(url) }
        func onConnectionOpened(_ event: ConnectionEvent) { event.connection.close() }
    }

    @Test func theOptionsNameIt() async throws {
        let lines = LogLines()
        var options = BrokerOptions()
        options.logger = Logger(label: "mine") { _ in lines }
        try await withBroker(options: options) { broker in
            let address = broker.address
            try await onThread { try Container(Client(address), id: "me").run() }
        }
        #expect(lines.lines.contains { $0.hasPrefix("debug opened a connection container=me") })
    }
}
