// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

// As in Python, an event goes to the handler of the link, else to that of its session, of its connection, or of the container,
// and then to that handler's own `handlers`. With several threads a handler belongs to one connection, or is Sendable.

extension Connection {
    /// The handler of the connection's events, and of those of its sessions and links, in place of the container's handlers; nil
    /// if those are used.
    ///
    /// A handler that is set in a callback receives the events from the next one on.
    public var handler: (any ProtonHandler)? {
        get {
            guard pointer != nil, eventHandler !== container.pipeline else { return nil }
            return (eventHandler as? HandlerPipeline)?.handler
        }
        set {
            // A connection that has ended has no handler, which might keep it.
            if pointer != nil { eventHandler = newValue.map { HandlerPipeline($0) } ?? container.pipeline }
        }
    }
}

extension Session {
    /// The handler of the session's events, and of those of its links, in place of the connection's handler.
    ///
    /// A handler that is set in a callback receives the events from the next one on.
    public var handler: (any ProtonHandler)? {
        get { (eventHandler as? HandlerPipeline)?.handler }
        set { if pointer != nil { eventHandler = newValue.map { HandlerPipeline($0) } } }
    }
}

extension Link {
    /// The handler of the link's events, in place of the session's or the connection's handler.
    ///
    /// A handler that is set in a callback receives the events from the next one on.
    public final var handler: (any ProtonHandler)? {
        get { (eventHandler as? HandlerPipeline)?.handler }
        set { if pointer != nil { eventHandler = newValue.map { HandlerPipeline($0) } } }
    }

    /// Sets the source and target of the answer to those of the peer, with all fields.
    ///
    /// It is already called when `onLinkOpening` begins. A program that does not support all of them, such as a filter or a
    /// durable source, removes those fields there: the peer relies on what the answer says (AMQP 1.0, 3.5.3).
    public final func copyRemoteTermini() {
        source.copy(remoteSource)
        target.copy(remoteTarget)
    }
}
