// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import Testing

/// Everything that needs brokers, one after the other: their restarts would be in the others' way.
@Suite(.serialized, .enabled(if: !Peer.running.isEmpty, "No brokers are started: `make interop` does that."))
enum InteropTests {}

extension InteropTests {
    /// Every feature on every broker.
    @Suite(.serialized)
    struct BrokerTests {
        static let table = Table(
            "This package with brokers", columns: Peer.running.map(\.rawValue), rows: Feature.all.map(\.name))

        @Test(.timeLimit(.minutes(20)))
        func features() async throws {
            try await Peer.tryAll(Feature.all) { feature, peer in try await feature.tryOut(on: peer, BrokerTests.table)
            }
        }
    }

    /// What RabbitMQ has since version 4, and how it is used.
    @Suite(.serialized)
    struct RabbitMQTests {
        static let table = Table(
            "This package with RabbitMQ 4", columns: [Peer.rabbitMQ4.rawValue], rows: Feature.rabbitMQ.map(\.name))

        @Test(.timeLimit(.minutes(4)), arguments: Feature.rabbitMQ)
        func feature(_ feature: Feature) async throws {
            try await feature.tryOut(on: .rabbitMQ4, RabbitMQTests.table)
        }
    }
}

extension Peer {
    /// Tries all features on all brokers: on each broker one after the other, since some restart it, and on all at the same time,
    /// since most of the time is spent waiting for answers that do not come.
    static func tryAll<Feature: Sendable & CustomTestStringConvertible>(
        _ features: [Feature], _ tryOut: @escaping @Sendable (Feature, Peer) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            for peer in running {
                group.addTask {
                    for feature in features {
                        print("\(peer.rawValue): \(feature.testDescription)")
                        try await tryOut(feature, peer)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

extension Feature {
    /// Tries the feature on a peer, and records whether it is there; the test fails where it must be and is not.
    func tryOut(on peer: Peer, _ table: Table) async throws {
        let answer = await onThread { () -> Answer in
            do {
                try peer.waitUntilUp()
                return .yes(peer.anonymous(try check(peer)))
            } catch is NotApplicable {
                return .notApplicable
            } catch {
                return .no(peer.anonymous("\(error)"))
            }
        }
        try table.record(name, peer.rawValue, answer)
        guard case .no(let reason) = answer else { return }
        #expect(!needed.contains(peer), "\(name): \(peer.rawValue) must have it: \(reason)")
    }
}

/// Runs a body on a thread that may wait, which those of tests may not.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Foundation.Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
