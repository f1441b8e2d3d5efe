// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Durable subscriptions of the async client: what keeps them, and what ends them.
@Suite(.timeLimit(.minutes(1)))
struct SubscriptionTests {
    /// How a receiver goes that is not closed.
    enum Leaving: CaseIterable, Sendable {
        case detached, dropped, scopeLeft, connectionClosed, connectionCut
    }

    private static func client(_ network: MemoryNetwork, id: String = "archive") throws -> AMQPClient {
        var options = ConnectionOptions(containerID: id)
        options.reconnect = Backoff(waits: [.seconds(60), .seconds(60)])
        return try network.client(options: options)
    }

    private static func publish(_ bodies: Int..., on network: MemoryNetwork) async throws {
        try await network.client().withConnection { connection in
            for body in bodies { try await connection.send(body, to: "topic/news") }
        }
    }

    private static func next(_ receiver: AMQPReceiver) async throws -> Int? {
        guard let delivery = try await receiver.next() else { return nil }
        delivery.accept()
        return delivery.message.body.value.intValue
    }

    @Test(arguments: Leaving.allCases)
    func whatComesMeanwhileIsKept(_ leaving: Leaving) async throws {
        try await withMemoryNetwork { network in
            let connection = try await Self.client(network).connect()
            var receiver: AMQPReceiver? = connection.subscription("daily", to: "topic/news")
            try await receiver?.attach()
            try await Self.publish(1, on: network)
            #expect(try await Self.next(#require(receiver)) == 1)
            switch leaving {
            case .detached:
                await receiver?.detach()
                #expect(try await receiver?.next() == nil)
            case .dropped: receiver = nil
            case .scopeLeft:
                receiver = nil
                await network.rest()
                await #expect(throws: CancellationError.self) {
                    try await connection.withSubscription("daily", to: "topic/news") { _ in throw CancellationError() }
                }
            case .connectionClosed: await connection.close()
            case .connectionCut:
                await network.whileDown { await connection.close() }
            }
            try await network.wait { $0.queue("archive/daily")?.consumers == 0 }
            try await Self.publish(2, 3, on: network)
            try await Self.client(network).withConnection { connection in
                let again = connection.subscription("daily", to: "topic/news")
                let bodies = [try await Self.next(again), try await Self.next(again)]
                #expect(bodies == [2, 3])
            }
        }
    }

    @Test func itIsResumedAfterALoss() async throws {
        try await withMemoryNetwork { network in
            try await Self.client(network).withConnection { connection in
                let receiver = connection.subscription("daily", to: "topic/news")
                try await receiver.attach()
                try await Self.publish(1, on: network)
                #expect(try await receiver.next()?.message.deliveryCount == 0)
                await network.cut()
                try await Self.publish(2, on: network)
                try await network.advance(by: .seconds(60))
                let first = try #require(try await receiver.next())
                #expect(first.message.body == 1 && first.message.deliveryCount == 1)
                #expect(try await Self.next(receiver) == 2)
            }
        }
    }

    @Test func closingEndsIt() async throws {
        try await withMemoryNetwork { network in
            try await Self.client(network).withConnection { connection in
                let receiver = connection.subscription("daily", to: "topic/news")
                try await receiver.attach()
                #expect(network.status.queue("archive/daily") != nil)
                await receiver.close()
                #expect(network.status.queue("archive/daily") == nil)
            }
        }
    }

    @Test func unsubscribing() async throws {
        try await withMemoryNetwork { network in
            try await Self.client(network).withConnection { connection in
                try await connection.withSubscription("daily", to: "topic/news") { _ in }
                try await Self.publish(1, on: network)
                #expect(network.status.queue("archive/daily")?.waiting == 1)
                try await connection.unsubscribe("daily")
                #expect(network.status.queue("archive/daily") == nil)
                let error = await #expect(throws: ProtonError.self) { try await connection.unsubscribe("daily") }
                #expect(error?.code == .linkError && error?.condition?.name == .notFound)
            }
        }
    }

    /// Another container's subscription of the same name is another one.
    @Test func theContainerIsPartOfTheName() async throws {
        try await withMemoryNetwork { network in
            for id in ["a", "b"] {
                try await Self.client(network, id: id).withConnection { connection in
                    try await connection.withSubscription("daily", to: "topic/news") { _ in }
                }
            }
            #expect(network.status.queue("a/daily") != nil && network.status.queue("b/daily") != nil)
        }
    }

    @Test func aContainerIDIsNeeded() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                let receiver = connection.subscription("daily", to: "topic/news")
                let error = await #expect(throws: ProtonError.self) { try await receiver.attach() }
                #expect(error?.code == .invalidArgument)
                let other = await #expect(throws: ProtonError.self) { try await connection.unsubscribe("daily") }
                #expect(other?.code == .invalidArgument)
            }
        }
    }
}
