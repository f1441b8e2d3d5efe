import ProtonEngine

/// Lets any thread hand events of the program's own to a container.
///
/// `Container.selectable` adds it to its container, which then runs until the injector is closed. It is also the way to
/// have something done on the container's own thread: an event about nothing comes to the container's handlers there,
/// and can connect, listen and set timers. For work on one connection its `workQueue` does without an event.
///
/// All of it may be called from any thread, also when the container has ended.
public final class EventInjector: Sendable {
    /// How many events may wait until the injector is added to a container: 10,000.
    public static let maxEarlyEvents = 10_000

    private enum State {
        /// Not added to a container yet: what is triggered waits.
        case new([ApplicationEvent])
        case added(InjectorSite)
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
        var site: InjectorSite?
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
                site = added
                return true
            case .closed: return false
            }
        }
        // Without the lock: this may be the last to let go of a container, and of handlers that close the injector.
        return site?.post(event) ?? isTaken
    }

    /// Takes the injector out of its container, which may then end. What was triggered before is handed on first.
    public func close() {
        let site: InjectorSite? = state.withLock { state in
            defer { state = .closed }
            if case .added(let site) = state { return site }
            return nil
        }
        site?.container?.loop.release()
    }

    /// Begins to hand events to a container, first those that wait.
    fileprivate func add(to container: Container) throws {
        try state.withLock { state in
            guard case .new(let events) = state else {
                throw ProtonError(
                    .invalidArgument, "An EventInjector is added to one container, and once: make another one.")
            }
            let site = InjectorSite(container: container)
            container.loop.hold()
            state = .added(site)
            for event in events { site.post(event) }
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

/// Where an injector's events go.
///
/// `@unchecked Sendable`: of the container other threads use the loop only, which is `Sendable`; the rest is for its
/// own handlers, in `dispatch`. Weak, since the container's handlers mostly keep the injector.
private struct InjectorSite: @unchecked Sendable {
    weak var container: Container?

    /// - Returns: whether the event will be dispatched.
    @discardableResult
    func post(_ event: ApplicationEvent) -> Bool {
        if let connection = event.connection { return connection.workQueue.add { _ in try dispatch(event) } }
        return container?.loop.post { try dispatch(event) } ?? false
    }

    private func dispatch(_ event: ApplicationEvent) throws {
        // Work that waits for a connection may still run while its container goes: nobody wants to know then.
        guard let container, container.loop.isDispatching else { return }
        try event.dispatch(in: container)
    }
}
