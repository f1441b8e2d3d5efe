// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A container as other threads may use it: `Container.handle`.
///
/// It keeps nothing of the container's handlers and connections: those go when the program lets go of the container. A
/// program that runs a container in the background keeps its `ContainerThread`, which has one.
public struct ContainerHandle: Sendable {
    let core: ContainerCore

    /// The container's name to its peers.
    public var id: String { core.id }

    /// Has something done with the container by the thread that runs it, after what was asked for before.
    ///
    /// With several threads it is one of them, and what is asked for next may be done at the same time. Before the container
    /// runs this waits until it does, and comes after `onStart`. It is not done where a callback's error ends the container
    /// before. What the body throws comes out of `run()`. For work on one connection there is its `workQueue`.
    /// - Parameter body: what to do with the container, as in a callback: connect, listen, set timers, make links.
    /// - Throws: `ProtonError.Code.closed` where the container has ended, or was dropped before it ran.
    public func execute(_ body: @escaping @Sendable (Container) throws -> Void) throws(ProtonError) {
        guard core.loop.post({ [core] in try body(core.container) }) else { throw ended }
    }

    /// Calls a closure later, as `Container.schedule(after:_:)` does.
    /// - Throws: `ProtonError.Code.closed` where the container is stopping, has ended, or was dropped before it ran.
    @discardableResult
    public func schedule(
        after delay: Duration, _ body: @escaping @Sendable (Container) throws -> Void
    ) throws(ProtonError) -> TimerTask {
        let timer = core.container.schedule(after: delay, body)
        guard core.loop.isStopping else { return timer }
        timer.cancel()
        throw ended
    }

    /// Closes all listeners and connections, as `Container.stop` does; does nothing where the container has ended.
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
    /// What other threads may use of the container.
    public var handle: ContainerHandle { ContainerHandle(core: core) }
}
