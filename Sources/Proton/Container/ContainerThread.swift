// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// A thread that runs a container, while the program does something else.
///
///     let thread = try ContainerThread(Container(Receiver()))
///     try thread.container.execute { container in try container.connect("localhost") }
///     thread.container.stop()
///     try thread.wait(timeout: .seconds(10))
///
/// The container is handed over: the compiler refuses what would use it, or a handler of its that is not `Sendable`, from
/// the thread that made it. It runs until it is stopped, also while it has nothing to do; once somebody waits for its end,
/// or nobody keeps the `ContainerThread` any more, it ends as `run()` does, when nothing is left.
public final class ContainerThread: Sendable {
    /// The container, as other threads may use it.
    public let container: ContainerHandle
    private let ending = Monitor<Result<Void, any Error>?>(nil)
    /// Whether this keeps the container running while that has nothing to do.
    private let isHolding = UncheckedMutex(true)

    /// Runs a container on a thread of its own, as `Container.run(stoppingOn:)` does.
    /// - Throws: `ProtonError.Code.limitExceeded` where the system has no thread left.
    public convenience init(_ container: sending Container, stoppingOn signals: StopSignal...) throws(ProtonError) {
        try self.init(Handover(container)) { container in try container.run(threads: 1, stoppingOn: signals) }
    }

    /// Runs a container on several threads of its own, as `Container.run(threads:handler:stoppingOn:)` does.
    /// - Throws: `ProtonError.Code.limitExceeded` where the system has no thread left. What that method throws comes out of
    ///   `wait`.
    public convenience init(
        _ container: sending Container, threads: Int, handler: any ProtonHandler & Sendable,
        stoppingOn signals: StopSignal...
    ) throws(ProtonError) {
        try self.init(Handover(container)) { container in
            try container.run(threads: threads, handler: handler, stoppingOn: signals)
        }
    }

    /// Runs a container on a thread of its own, and says there what came of it before `wait` does.
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
            // The container and its handlers are gone when those who wait go on.
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
        letGo()
    }

    /// Lets the container end when nothing is left.
    func letGo() {
        if isHolding.withLock({ exchange(&$0, with: false) }) { container.core.loop.release() }
    }

    /// Waits until the container has ended, and its handlers are let go of; from any thread but those that run it.
    ///
    /// From now on it ends when nothing is left: no connection, no listener and no timer.
    /// - Parameter timeout: how long to wait; nil, the default, is as long as the container runs.
    /// - Throws: what `Container.run` threw, each time; `ProtonError.Code.timedOut`; `.invalidArgument` at once where a
    ///   callback of the container calls this, which would wait for itself.
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

    /// As `wait(timeout:)` does.
    /// - Returns: what came of the container; nil where the time is over.
    func wait(until deadline: Deadline) -> Result<Void, any Error>? {
        letGo()
        return ending.wait(until: deadline) { $0 }
    }
}

/// A container on its way to the thread that runs it.
///
/// `@unchecked Sendable`: it is made of a container that was sent, and used by one thread, once.
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
