// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// A thread that runs a container in the background.
///
///     let thread = try ContainerThread(Container(Receiver()))
///     try thread.container.execute { container in try container.connect("localhost") }
///     thread.container.stop()
///     try thread.wait(timeout: .seconds(10))
///
/// The container is moved to the thread: the compiler rejects code that uses it, or a handler of it that is not `Sendable`, on
/// the thread that created it. It runs until it is stopped, also while it is idle. When a call of `wait` begins, or the
/// `ContainerThread` is deinitialized, it ends as `run()` does, when nothing is left.
public final class ContainerThread: Sendable {
    /// The handle of the container.
    public let container: ContainerHandle
    private let ending = Monitor<Result<Void, any Error>?>(nil)
    /// Whether this keeps the container running while it is idle.
    private let isHolding = UncheckedMutex(true)

    /// Runs a container on its own thread, as `Container.run(stoppingOn:)` does.
    /// - Throws: `ProtonError.Code.limitExceeded` if the system has no thread left.
    public convenience init(_ container: sending Container, stoppingOn signals: StopSignal...) throws(ProtonError) {
        try self.init(Handover(container)) { container in try container.run(threads: 1, stoppingOn: signals) }
    }

    /// Runs a container on several threads of its own, as `Container.run(threads:handler:stoppingOn:)` does.
    /// - Throws: `ProtonError.Code.limitExceeded` if the system has no thread left. `wait` throws the errors of that method.
    public convenience init(
        _ container: sending Container, threads: Int, handler: any ProtonHandler & Sendable,
        stoppingOn signals: StopSignal...
    ) throws(ProtonError) {
        try self.init(Handover(container)) { container in
            try container.run(threads: threads, handler: handler, stoppingOn: signals)
        }
    }

    /// Runs a container on its own thread, which calls `whenEnded` with the result before `wait` returns it.
    package convenience init(
        _ container: sending Container, whenEnded: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) throws(ProtonError) {
        try self.init(Handover(container), whenEnded) { container in try container.run(threads: 1, stoppingOn: []) }
    }

    private init(
        _ handover: Handover, _ whenEnded: @escaping @Sendable (Result<Void, any Error>) -> Void = { _ in },
        _ run: @escaping @Sendable (Container) throws -> Void
    ) throws(ProtonError) {
        container = handover.handle
        container.core.loop.hold()
        let ending = ending
        let thread = Thread.start {
            // The container and its handlers are released before the waiting threads continue.
            let result = Result { try handover.use(run) }
            whenEnded(result)
            ending.withLock { $0 = result }
        }
        guard let thread else {
            throw ProtonError(.limitExceeded, "No thread can be started for the container: is their limit reached?")
        }
        thread.detach()
    }

    deinit {
        releaseContainer()
    }

    /// Lets the container end when nothing is left.
    func releaseContainer() {
        if isHolding.withLock({ exchange(&$0, with: false) }) { container.core.loop.release() }
    }

    /// Waits until the container has ended, and its handlers are released; from any thread but those that run it.
    ///
    /// From now on it ends when nothing is left: no connection, no listener and no timer.
    /// - Parameter timeout: the maximum time to wait; nil, the default, waits without limit.
    /// - Throws: the error of `Container.run`, each time; `ProtonError.Code.timedOut`; `.invalidArgument` at once if a callback
    ///   of the container calls this, which would wait for itself.
    public func wait(timeout: Duration? = nil) throws {
        guard !container.core.loop.isOnItsThread else {
            throw ProtonError(
                .invalidArgument,
                "ContainerThread.wait is called by a callback of its container: it would never return.")
        }
        guard let result = wait(until: Deadline(after: timeout)) else {
            throw ProtonError(.timedOut, "The container \(container.id) has not ended in time.")
        }
        try result.get()
    }

    /// Waits as `wait(timeout:)` does.
    /// - Returns: the result of the container; nil if the deadline has passed.
    func wait(until deadline: Deadline) -> Result<Void, any Error>? {
        releaseContainer()
        return ending.wait(until: deadline) { $0 }
    }
}

/// Moves a container to the thread that runs it.
///
/// `@unchecked Sendable`: it is created with a container that was sent, and one thread uses it, once.
private final class Handover: @unchecked Sendable {
    let handle: ContainerHandle
    private var container: Container?

    init(_ container: sending Container) {
        handle = container.handle
        self.container = container
    }

    func use(_ body: (Container) throws -> Void) throws {
        guard let container = exchange(&container, with: nil) else { return }
        try body(container)
    }
}
