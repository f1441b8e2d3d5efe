// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities
import Synchronization

/// Runs a body that blocks on a thread of its own, for async tests, and returns its result.
///
///     try await onThread { try Container(HelloWorld(server: broker.address)).run() }
///
/// The threads of the cooperative pool are few; `Container.run` and similar calls must not block them.
/// - Returns: the result of the body.
/// - Throws: any error that the body throws; `CancellationError` immediately if the task is cancelled, as when a test's time
///   limit is exceeded: the thread continues then; `ProtonError.Code.limitExceeded` if the system has no thread left.
public func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    let once = Once<Value>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            once.begin(continuation)
            guard let thread = Thread.start({ once.end(Result { try body() }) }) else {
                let error = ProtonError(.limitExceeded, "No thread can be started: is a limit of the system reached?")
                return once.end(.failure(error))
            }
            thread.detach()
        }
    } onCancel: {
        once.end(.failure(CancellationError()))
    }
}

/// A continuation that is resumed by the first of several calls.
private final class Once<Value: Sendable>: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<Value, any Error>)
        case ended
    }

    private let state = Mutex(State.new)

    func begin(_ continuation: CheckedContinuation<Value, any Error>) {
        let isOver = state.withLock { state in
            if case .ended = state { return true }
            state = .waiting(continuation)
            return false
        }
        if isOver { continuation.resume(throwing: CancellationError()) }
    }

    func end(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            defer { state = .ended }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume(with: result)
    }
}
