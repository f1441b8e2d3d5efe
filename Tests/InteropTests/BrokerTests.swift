import Foundation
import Proton
import Testing

/// Every feature on every broker, one after the other: their restarts would be in the others' way.
@Suite(.serialized, .enabled(if: !Peer.running.isEmpty, "No brokers are started: `make interop` does that."))
struct BrokerTests {
    static let table = Table(
        "This package with brokers", columns: Peer.running.map(\.rawValue), rows: Feature.all.map(\.name))

    @Test(.timeLimit(.minutes(3)), arguments: Feature.all, Peer.running)
    func feature(_ feature: Feature, _ peer: Peer) async throws {
        let answer = await onThread { () -> Answer in
            do {
                try peer.waitUntilUp()
                return .yes(try feature.check(peer))
            } catch is NotApplicable {
                return .notApplicable
            } catch {
                return .no("\(error)")
            }
        }
        try BrokerTests.table.record(feature.name, peer.rawValue, answer)
        guard case .no(let reason) = answer else { return }
        #expect(!feature.needed.contains(peer), "\(feature.name): \(peer.rawValue) must have it: \(reason)")
    }
}

/// Runs a body on a thread that may wait, which those of tests may not.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Foundation.Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
