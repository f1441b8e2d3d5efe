// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

// Python's rule: an event goes to the handler of the link, else to that of its session, of its connection, or of the
// container, and to those below that handler. With several threads a handler belongs to one connection, or is Sendable.

extension Connection {
    /// What is told of the connection's events, and of those of its sessions and links, in place of the container's
    /// handlers; nil where these are.
    ///
    /// A handler that is set in a callback is told from the next event on.
    public var handler: (any ProtonHandler)? {
        get {
            guard pointer != nil, eventHandler !== container.pipeline else { return nil }
            return (eventHandler as? HandlerPipeline)?.handler
        }
        set {
            // A connection that is over has no handler, which might keep it.
            if pointer != nil { eventHandler = newValue.map { HandlerPipeline($0) } ?? container.pipeline }
        }
    }
}

extension Session {
    /// What is told of the session's events, and of those of its links, in place of the connection's handler.
    ///
    /// A handler that is set in a callback is told from the next event on.
    public var handler: (any ProtonHandler)? {
        get { (eventHandler as? HandlerPipeline)?.handler }
        set { if pointer != nil { eventHandler = newValue.map { HandlerPipeline($0) } } }
    }
}

extension Link {
    /// What is told of the link's events, in place of the session's or the connection's handler.
    ///
    /// A handler that is set in a callback is told from the next event on.
    public final var handler: (any ProtonHandler)? {
        get { (eventHandler as? HandlerPipeline)?.handler }
        set { if pointer != nil { eventHandler = newValue.map { HandlerPipeline($0) } } }
    }

    /// Answers with the source and target that the peer asked for, every field of them.
    ///
    /// That is what an answer means that nobody changes: `onLinkOpening` finds it set. A program that does not do all
    /// that is asked, such as to apply a filter or to keep a durable source, takes it out there: what the answer says
    /// is what the peer relies on (AMQP 1.0, 3.5.3).
    public final func copyRemoteTermini() {
        source.copy(remoteSource)
        target.copy(remoteTarget)
    }
}
