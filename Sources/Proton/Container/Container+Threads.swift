// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine
import ProtonUtilities

/// What a container asks of programs that run it on several threads: that all they hand to it is `Sendable`, or made for
/// one connection.
extension Container {
    /// How many threads make callbacks, and what was handed over that only one of them may use.
    enum Sharing {
        /// It does not run yet.
        case undecided(unshared: String?)
        case oneThread
        case severalThreads
    }

    /// Connects to a peer, and opens the connection, which has a handler of its own; also with several threads.
    /// - Parameters:
    ///   - url: where to, as in `amqp://user:password@host:port`, or just `host`.
    ///   - options: nil is `connectionOptions`.
    ///   - makeHandler: makes what is told of the connection's events, in place of the container's handlers.
    /// - Throws: as `connect(_:handler:options:)`.
    @discardableResult
    public func connect(
        _ url: String, options: ConnectionOptions? = nil, makeHandler: @Sendable () -> sending any ProtonHandler
    ) throws -> Connection {
        try connect([url], options: options, makeHandler: makeHandler)
    }

    /// Connects to a peer, as `connect(_:options:makeHandler:)` of a text does.
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

    /// Connects to the first of several peers that can be reached, as `connect(_:options:makeHandler:)` of texts does.
    @discardableResult
    public func connect(
        _ urls: [AMQPURL], options: ConnectionOptions? = nil, makeHandler: @Sendable () -> sending any ProtonHandler
    ) throws -> Connection {
        try connect(urls, pipeline: HandlerPipeline(checking: [makeHandler()]), options: options)
    }

    /// Decides how many threads make callbacks.
    /// - Throws: `ProtonError.Code.invalidArgument` where what was handed over before is for one thread only.
    func decideSharing(_ threads: Int) throws(ProtonError) {
        let unshared: String? = sharing.withLock { sharing in
            guard case .undecided(let unshared) = sharing else { return nil }
            sharing = threads == 1 ? .oneThread : .severalThreads
            return threads == 1 ? nil : unshared
        }
        if let unshared { throw forOneThread(unshared) }
    }

    /// Sees that something is handed over that only one thread may use.
    /// - Parameters:
    ///   - handler: a handler that is handed over; that of `run(threads:handler:)` is for all threads.
    ///   - call: the call that does it, and what takes its place with several threads.
    /// - Throws: `ProtonError.Code.invalidArgument` where the container runs on several threads.
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
