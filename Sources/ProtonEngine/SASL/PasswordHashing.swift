// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities
import Synchronization

/// Threads that hash passwords. Hashing takes milliseconds, and for a client as long as the server demands, so it must not block
/// a loop or the program's tasks.
///
/// The threads start when there is work, and end when there is none.
package final class PasswordHashing: Sendable {
    /// The instance of the process: two threads, and at most 256 waiting passwords.
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

    /// The number of iterations done: the cost of authentications.
    package var rounds: Int { count.load(ordering: .relaxed) }

    /// Hashes a password (`SCRAMHash.derive`).
    /// - Returns: nil if too many passwords are waiting.
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
