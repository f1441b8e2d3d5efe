import Synchronization

/// Tells those who wait for the broker to be in some state that it has changed.
///
/// A change that nobody waits for costs one look at a flag.
final class Changes: Sendable {
    private let isWatched = Atomic(false)
    private let watchers = Mutex<[UInt64: AsyncStream<Void>.Continuation]>([:])
    private let count = Atomic<UInt64>(0)

    /// Something has changed.
    func note() {
        guard isWatched.load(ordering: .relaxed) else { return }
        watchers.withLock { watchers in
            for watcher in watchers.values { watcher.yield() }
        }
    }

    /// An element at once, and one after each change, several of which may be one.
    func watch() -> AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let id = count.wrappingAdd(1, ordering: .relaxed).newValue
            watchers.withLock { watchers in
                watchers[id] = continuation
                isWatched.store(true, ordering: .relaxed)
            }
            continuation.onTermination = { [weak self] _ in self?.stopWatching(id) }
            continuation.yield()
        }
    }

    private func stopWatching(_ id: UInt64) {
        watchers.withLock { watchers in
            watchers[id] = nil
            isWatched.store(!watchers.isEmpty, ordering: .relaxed)
        }
    }
}
