// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Work that ends once a number of its parts is done.
final class CountedWork: Sendable {
    private struct State {
        var begun = 0
        var ended = 0
        var isOver = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let limit: Int?
    private let state = Guarded(State())

    /// - Parameter limit: how many parts; nil is no limit.
    init(limit: Int?) { self.limit = limit }

    /// - Returns: whether one more may begin.
    func begin() -> Bool {
        state.use { state in
            guard state.begun < limit ?? .max else { return false }
            state.begun += 1
            return true
        }
    }

    func end() {
        finish { state in
            state.ended += 1
            return state.ended >= self.limit ?? .max
        }
    }

    /// Runs the work, and cancels it once its parts are done.
    /// - Throws: what it throws.
    func run(_ work: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { self.finish { _ in true } }
                try await work()
            }
            await waitForEnd()
            // Waits for what is in hand.
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func waitForEnd() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.use { state in
                    if !state.isOver { state.waiter = continuation }
                    return state.isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            finish { _ in true }
        }
    }

    private func finish(_ isOver: (inout State) -> Bool) {
        let waiter = state.use { state -> CheckedContinuation<Void, Never>? in
            guard isOver(&state) else { return nil }
            state.isOver = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
