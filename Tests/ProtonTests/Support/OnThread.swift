import Synchronization

@testable import Proton

/// Runs a body on a thread of its own, since a container's `run` blocks, and returns what it returns.
///
/// A test whose time is up is cancelled: then this throws, and the thread is left behind.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    let once = Once<Value>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            once.begin(continuation)
            guard let thread = Thread.start({ once.end(Result { try body() }) }) else {
                return once.end(.failure(TestError("No thread can be started.")))
            }
            thread.detach()
        }
    } onCancel: {
        once.end(.failure(CancellationError()))
    }
}

/// A continuation that the first of several resumes.
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

/// An error that a test throws.
struct TestError: Error, Equatable {
    let what: String

    init(_ what: String) {
        self.what = what
    }
}
