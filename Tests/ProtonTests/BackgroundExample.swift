// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Receives in the background, as long as `take` wants more.
final class Collector: MessagingHandler, Sendable {
    private let take: @Sendable (Message) -> Bool

    init(_ take: @escaping @Sendable (Message) -> Bool) { self.take = take }

    func onMessage(_ event: MessageEvent) {
        if !take(event.message) { event.container.stop() }
    }
}

func collect(from url: String, _ addresses: [String], _ take: @escaping @Sendable (Message) -> Bool) throws {
    let thread = try ContainerThread(Container(Collector(take)))
    // The body runs on that thread, as a callback does.
    try thread.container.execute { container in
        let connection = try container.connect(url)
        for address in addresses { try container.createReceiver(connection, address) }
    }
    // Throws what ended the container, where that was an error.
    try thread.wait(timeout: .seconds(30))
}
