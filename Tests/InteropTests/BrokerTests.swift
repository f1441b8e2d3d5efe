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

        @Test(.timeLimit(.minutes(3)), arguments: Feature.all, Peer.running)
        func feature(_ feature: Feature, _ peer: Peer) async throws {
            let answer = await onThread { () -> Answer in
                do {
                    try peer.waitUntilUp()
                    return .yes(peer.anonymous(try feature.check(peer)))
                } catch is NotApplicable {
                    return .notApplicable
                } catch {
                    return .no(peer.anonymous("\(error)"))
                }
            }
            try BrokerTests.table.record(feature.name, peer.rawValue, answer)
            guard case .no(let reason) = answer else { return }
            #expect(!feature.needed.contains(peer), "\(feature.name): \(peer.rawValue) must have it: \(reason)")
        }
    }
}

/// Runs a body on a thread that may wait, which those of tests may not.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Foundation.Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
