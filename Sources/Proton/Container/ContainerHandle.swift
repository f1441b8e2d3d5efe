// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A handle of a container that any thread may use: `Container.handle`.
///
/// It does not keep the container's handlers and connections: they are released when the program releases the container. A
/// program that runs a container in the background keeps its `ContainerThread`, which has a handle.
public struct ContainerHandle: Sendable {
    let core: ContainerCore

    /// The container's name for its peers.
    public var id: String { core.id }

    /// Runs work with the container on the thread that runs it, after the work that was passed before.
    ///
    /// With several threads the work runs on one of them, and may run in parallel with later work. Before the container runs, the
    /// work waits until it does, and runs after `onStart`. It does not run if an error of a callback ends the container before.
    /// `run()` throws the errors of the body. For work on one connection use its `workQueue`.
    /// - Parameter body: the work, as in a callback: connect, listen, set timers, create links.
    /// - Throws: `ProtonError.Code.closed` if the container has ended, or was released before it ran.
    public func execute(_ body: @escaping @Sendable (Container) throws -> Void) throws(ProtonError) {
        guard core.loop.post({ [core] in try body(core.container) }) else { throw ended }
    }

    /// Calls a closure later, as `Container.schedule(after:_:)` does.
    /// - Throws: `ProtonError.Code.closed` if the container is stopping, has ended, or was released before it ran.
    @discardableResult
    public func schedule(
        after delay: Duration, _ body: @escaping @Sendable (Container) throws -> Void
    ) throws(ProtonError) -> TimerTask {
        let timer = core.container.schedule(after: delay, body)
        guard core.loop.isStopping else { return timer }
        timer.cancel()
        throw ended
    }

    /// Closes all listeners and connections, as `Container.stop` does; does nothing if the container has ended.
    /// - Parameters:
    ///   - condition: the error condition to close connections with; nil closes them without one.
    ///   - grace: how long peers may take to close their side. Default 5 seconds.
    public func stop(_ condition: Condition? = nil, grace: Duration = .seconds(5)) {
        core.loop.stop(condition, grace: grace)
    }

    private var ended: ProtonError {
        ProtonError(.closed, "The container \(id) has ended: nothing can be done with it any more.")
    }
}

extension Container {
    /// A handle of the container for other threads.
    public var handle: ContainerHandle { ContainerHandle(core: core) }
}
