// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine
import ProtonUtilities

/// The rules for containers with several threads: everything that is passed to them is `Sendable`, or made for one connection.
extension Container {
    /// How many threads make callbacks, and which argument may be used by one of them only.
    enum Sharing {
        /// The container does not run yet.
        case undecided(unshared: String?)
        case oneThread
        case severalThreads
    }

    /// Connects to a peer, and opens the connection, which has its own handler; also with several threads.
    /// - Parameters:
    ///   - url: the peer's URL, such as `amqp://user:password@host:port` or just `host`.
    ///   - options: nil is `connectionOptions`.
    ///   - makeHandler: creates the handler of the connection's events, in place of the container's handlers.
    /// - Throws: as `connect(_:handler:options:)`.
    @discardableResult
    public func connect(
        _ url: String, options: ConnectionOptions? = nil, makeHandler: @Sendable () -> sending any ProtonHandler
    ) throws -> Connection {
        try connect([url], options: options, makeHandler: makeHandler)
    }

    /// Connects to a peer, as `connect(_:options:makeHandler:)` does with a string.
    @discardableResult
    public func connect(
        _ url: AMQPURL, options: ConnectionOptions? = nil, makeHandler: @Sendable () -> sending any ProtonHandler
    ) throws -> Connection {
        try connect([url], options: options, makeHandler: makeHandler)
    }

    /// Connects to the first of several peers that can be reached, as `connect(_:options:makeHandler:)` does to one.
    @discardableResult
    public func connect(
        _ urls: [String], options: ConnectionOptions? = nil, makeHandler: @Sendable () -> sending any ProtonHandler
    ) throws -> Connection {
        try connect(Container.parse(urls), options: options, makeHandler: makeHandler)
    }

    /// Connects to the first of several peers that can be reached, as `connect(_:options:makeHandler:)` does with strings.
    @discardableResult
    public func connect(
        _ urls: [AMQPURL], options: ConnectionOptions? = nil, makeHandler: @Sendable () -> sending any ProtonHandler
    ) throws -> Connection {
        try connect(urls, pipeline: HandlerPipeline(checking: [makeHandler()]), options: options)
    }

    /// Sets how many threads make callbacks.
    /// - Throws: `ProtonError.Code.invalidArgument` if an earlier argument is for one thread only.
    func decideSharing(_ threads: Int) throws(ProtonError) {
        let unshared: String? = sharing.withLock { sharing in
            guard case .undecided(let unshared) = sharing else { return nil }
            sharing = threads == 1 ? .oneThread : .severalThreads
            return threads == 1 ? nil : unshared
        }
        if let unshared { throw forOneThread(unshared) }
    }

    /// Checks an argument that only one thread may use.
    /// - Parameters:
    ///   - handler: the handler that is passed; the handler of `run(threads:handler:)` is for all threads.
    ///   - call: the call, and its alternative for several threads.
    /// - Throws: `ProtonError.Code.invalidArgument` if the container runs on several threads.
    func requireOneThread(for handler: (any ProtonHandler)? = nil, _ call: String) throws(ProtonError) {
        let isRefused = sharing.withLock { sharing in
            switch sharing {
            case .undecided(nil):
                sharing = .undecided(unshared: call)
                return false
            case .undecided, .oneThread: return false
            case .severalThreads: return handler.map { $0 !== pipeline.handler } ?? true
            }
        }
        if isRefused { throw forOneThread(call) }
    }

    private func forOneThread(_ call: String) -> ProtonError {
        ProtonError(.invalidArgument, "With several threads what is handed to a container may run on any: \(call).")
    }
}
