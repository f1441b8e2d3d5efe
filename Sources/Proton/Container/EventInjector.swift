// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// Passes events of the program from any thread to a container.
///
/// `Container.selectable` adds it to its container, which then runs until the injector is closed. It corresponds to Python's
/// class of that name. A closure needs no event: on the container's thread use `ContainerHandle.execute`, for work on one
/// connection its `workQueue`.
///
/// All of it may be called from any thread, also when the container has ended.
public final class EventInjector: Sendable {
    /// How many events may wait until the injector is added to a container: 10,000.
    public static let maxEarlyEvents = 10_000

    private enum State {
        /// Not added to a container yet: events wait.
        case new([ApplicationEvent])
        case added(ContainerHandle)
        case closed
    }

    private let state = UncheckedMutex(State.new([]))

    /// Creates an injector, which can be added to one container.
    public init() {}

    deinit {
        close()
    }

    /// Delivers an event to the nearest handler of its endpoint, in the domain of its connection.
    ///
    /// Events of one connection are delivered in the order in which they are triggered, and so are events without a connection.
    /// An event of a link that has ended meanwhile goes to the handler of its session or connection.
    /// - Returns: whether it will be delivered: false if the injector is closed, the container or the event's connection has
    ///   ended, or `maxEarlyEvents` already wait for a container. A container that ends with an error drops waiting events.
    @discardableResult
    public func trigger(_ event: ApplicationEvent) -> Bool {
        var container: ContainerHandle?
        let isTaken = state.withLock { state in
            switch state {
            case .new(var events):
                guard events.count < EventInjector.maxEarlyEvents else { return false }
                // The state releases the array while it grows, so that it is not copied.
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
        // Without the lock: this may release the last reference to a container, and to handlers that close the injector.
        return container?.post(event) ?? isTaken
    }

    /// Removes the injector from its container, which may then end. Events that were triggered before are delivered first.
    public func close() {
        let container: ContainerHandle? = state.withLock { state in
            defer { state = .closed }
            if case .added(let container) = state { return container }
            return nil
        }
        container?.core.loop.release()
    }

    /// Begins to pass events to a container; waiting events are passed first.
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
    /// Adds an injector, which passes other threads' events to this container; the container runs at least until it is closed.
    ///
    /// `stop()` does not wait for the injector.
    /// - Throws: `ProtonError.Code.invalidArgument` if the injector was added before, or is closed.
    public func selectable(_ injector: EventInjector) throws {
        try injector.add(to: self)
    }
}

extension ContainerHandle {
    /// Dispatches an event, in the domain of its endpoint.
    /// - Returns: whether it will be dispatched.
    @discardableResult
    fileprivate func post(_ event: ApplicationEvent) -> Bool {
        if let connection = event.connection { return connection.workQueue.add { _ in try dispatch(event) } }
        return core.loop.post { try dispatch(event) }
    }

    private func dispatch(_ event: ApplicationEvent) throws {
        // Work that waits for a connection may still run while its container is deinitialized: then the event is dropped.
        guard let container = core.existingContainer, core.loop.isDispatching else { return }
        try event.dispatch(in: container)
    }
}
