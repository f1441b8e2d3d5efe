// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities
import Synchronization

/// Threads that hash passwords: what takes milliseconds, or on a client as long as the server says, and would hold up a loop
/// or the tasks of the program.
///
/// They are started when there is something to do, and end when there is nothing more.
package final class PasswordHashing: Sendable {
    /// That of the process: two threads, and 256 passwords that wait for them.
    package static let shared = PasswordHashing(threads: 2, maxWaiting: 256)

    private struct State {
        var threads = 0
        var jobs: [@Sendable () -> Void] = []
    }

    private let state = UncheckedMutex(State())
    private let maxThreads: Int
    private let maxWaiting: Int
    private let count = Atomic<Int>(0)

    package init(threads: Int, maxWaiting: Int) {
        (maxThreads, self.maxWaiting) = (threads, maxWaiting)
    }

    /// How many rounds have been done: what a log-in costs.
    package var rounds: Int { count.load(ordering: .relaxed) }

    /// Hashes a password (`SCRAMHash.derive`).
    /// - Returns: nil where too many wait already.
    package func derive(_ password: String, salt: [UInt8], iterations: Int, hash: SCRAMHash) async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            let isTaken = add { [self] in
                count.add(iterations, ordering: .relaxed)
                continuation.resume(
                    returning: hash.derive(Array(password.utf8), salt: salt, iterations: iterations))
            }
            if !isTaken { continuation.resume(returning: nil) }
        }
    }

    private func add(_ job: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.jobs.count < maxWaiting else { return false }
            if state.threads < maxThreads {
                if let thread = Thread.start({ self.run() }) {
                    thread.detach()
                    state.threads += 1
                } else if state.threads == 0 {
                    return false
                }
            }
            state.jobs.append(job)
            return true
        }
    }

    private func run() {
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            if state.jobs.isEmpty {
                state.threads -= 1
                return nil
            }
            return state.jobs.removeFirst()
        }
    }
}
