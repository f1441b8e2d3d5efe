// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// Lets any thread hand events of the program's own to a container.
///
/// `Container.selectable` adds it to its container, which then runs until the injector is closed. It is how Python's
/// programs do it. A closure does without an event: on the container's thread by `ContainerHandle.execute`, for work on
/// one connection by its `workQueue`.
///
/// All of it may be called from any thread, also when the container has ended.
public final class EventInjector: Sendable {
    /// How many events may wait until the injector is added to a container: 10,000.
    public static let maxEarlyEvents = 10_000

    private enum State {
        /// Not added to a container yet: what is triggered waits.
        case new([ApplicationEvent])
        case added(ContainerHandle)
        case closed
    }

    private let state = UncheckedMutex(State.new([]))

    /// Creates an injector, to be added to one container.
    public init() {}

    deinit {
        close()
    }

    /// Has an event handed to the nearest handler of what it is about, in the domain of its connection.
    ///
    /// Events about one connection come in the order in which they are triggered, and so do those about none. An event
    /// about a link that has ended meanwhile goes to the handler of its session or connection.
    /// - Returns: whether it will be: false where the injector is closed, the container or the event's connection is
    ///   over, or `maxEarlyEvents` wait for a container already. A container that ends by an error drops what waits.
    @discardableResult
    public func trigger(_ event: ApplicationEvent) -> Bool {
        var container: ContainerHandle?
        let isTaken = state.withLock { state in
            switch state {
            case .new(var events):
                guard events.count < EventInjector.maxEarlyEvents else { return false }
                // Let go of here while it grows, so that it is not copied.
                state = .closed
                events.append(event)
                state = .new(events)
                return true
            case .added(let added):
                container = added
                return true
            case .closed: return false
            }
        }
        // Without the lock: this may be the last to let go of a container, and of handlers that close the injector.
        return container?.post(event) ?? isTaken
    }

    /// Takes the injector out of its container, which may then end. What was triggered before is handed on first.
    public func close() {
        let container: ContainerHandle? = state.withLock { state in
            defer { state = .closed }
            if case .added(let container) = state { return container }
            return nil
        }
        container?.core.loop.release()
    }

    /// Begins to hand events to a container, first those that wait.
    fileprivate func add(to container: Container) throws {
        try state.withLock { state in
            guard case .new(let events) = state else {
                throw ProtonError(
                    .invalidArgument, "An EventInjector is added to one container, and once: make another one.")
            }
            let handle = container.handle
            container.loop.hold()
            state = .added(handle)
            for event in events { handle.post(event) }
        }
    }
}

extension Container {
    /// Adds an injector, by which other threads hand events to this container; it runs at least until that is closed.
    ///
    /// `stop()` does not wait for the injector.
    /// - Throws: `ProtonError.Code.invalidArgument` where the injector was added before, or is closed.
    public func selectable(_ injector: EventInjector) throws {
        try injector.add(to: self)
    }
}

extension ContainerHandle {
    /// Has an event dispatched, in the domain of what it is about.
    /// - Returns: whether it will be.
    @discardableResult
    fileprivate func post(_ event: ApplicationEvent) -> Bool {
        if let connection = event.connection { return connection.workQueue.add { _ in try dispatch(event) } }
        return core.loop.post { try dispatch(event) }
    }

    private func dispatch(_ event: ApplicationEvent) throws {
        // Work that waits for a connection may still run while its container goes: nobody wants to know then.
        guard let container = core.existingContainer, core.loop.isDispatching else { return }
        try event.dispatch(in: container)
    }
}
