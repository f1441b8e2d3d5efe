public import ProtonEngine

extension Session {
    /// What is told of the session's events, and of those of its links, in place of the connection's handler.
    public var handler: (any Handler)? {
        get { (eventHandler as? HandlerPipeline)?.handler }
        set { eventHandler = newValue.map { HandlerPipeline($0) } }
    }
}

extension Link {
    /// What is told of the link's events, in place of the session's or the connection's handler.
    public final var handler: (any Handler)? {
        get { (eventHandler as? HandlerPipeline)?.handler }
        set { eventHandler = newValue.map { HandlerPipeline($0) } }
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
