// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton
import Glibc

/// An AMQP connection: the sessions and links of two peers over one transport (AMQP 1.0, 2.4; `pn_connection_t`).
///
/// A connection and all that hangs on it belong to its own domain: the thread that handles its events, from the start
/// of a callback to its end. Other threads reach it through `workQueue`. When its transport has closed for good the
/// connection is over: its state is `.closed`, and what is asked of it or of its sessions and links does nothing.
public final class Connection: Endpoint {
    // The hot properties of endpoints go without the run-time check for overlapping accesses, which costs more than the
    // work on a message: an endpoint is used in one domain at a time, and none of these accesses spans a call-out.

    /// Proton's connection; nil once the connection is over.
    @exclusivity(unchecked) package internal(set) var pointer: OpaquePointer?
    /// What other threads want done here; also the connection as an executor.
    public let workQueue: WorkQueue
    /// The floor above, which runs the connection's loop; nil of a connection that is driven by hand.
    package let owner: (any ConnectionOwner)?
    /// Whether a peer opened the transport, rather than this side.
    package let isIncoming: Bool
    /// What a peer may take of this side.
    package let limits: ConnectionLimits
    /// What is told of events of this connection and of those of its endpoints that have no handler of their own.
    @exclusivity(unchecked) package var eventHandler: any EventHandler {
        didSet { handlersVersion += 1 }
    }
    /// Goes up when the handler of the connection or of a session changes: links keep what they found.
    @exclusivity(unchecked) var handlersVersion = 0
    /// How many bytes all links keep of messages that are not complete.
    var incompleteBytes = 0
    /// The place of a connection that a proactor has, until it is over.
    var place: Admission.Place?
    var defaultSession: Session?
    /// How many links there are, on all sessions, opened or not.
    var linkCount = 0
    /// Whether this side has closed the connection since its peer broke a rule or a limit, and that has not been told.
    var isFailing = false
    /// Whether the transport has no socket, but a peer in memory.
    package var isReachedInMemory = false
    /// The sessions that have ended, and whose channels proton may still have.
    var endedSessions = EndedSessions()
    /// How much is sent that the peer has not read.
    @exclusivity(unchecked) var unsent: UnsentOutput
    /// Whether an event will come when some of that is written.
    var isOutputWatched = false
    /// The link that such an event is made on, where there was need of one.
    var outputLink: OutputLink?
    /// How far the connection has come with its end.
    var ending = Ending.none
    /// How far the connection has come with its transport.
    package internal(set) var phase = Phase.new
    /// What handlers have been told of the connection's beginning.
    var announcement = Announcement.none
    /// Whether an event has told what ended the transport.
    var isTransportErrorTold = false
    /// The layer that the frames of a listener's peer pass, where its transport has one.
    var frameLayer: FrameLayer?
    /// The TLS of the transport.
    var tls = TransportTLS.none
    /// The SASL layer of the transport that there is, or was last; nil where it has none.
    var sasl: SASLContext?

    package init(
        isIncoming: Bool = false, limits: ConnectionLimits, owner: (any ConnectionOwner)? = nil,
        eventHandler: any EventHandler
    ) {
        self.isIncoming = isIncoming
        self.owner = owner
        workQueue = WorkQueue(owner: owner)
        self.limits = limits
        unsent = UnsentOutput(limit: limits.maxUnsentBytes)
        self.eventHandler = eventHandler
        pointer = pn_connection()
        // The registrar outlives the registration: `finish` clears the context before the object goes.
        pn_connection_set_context(pointer, Unmanaged.passUnretained(self).toOpaque())
        workQueue.bind(self)
    }

    deinit {
        // Only a connection that never went into a proactor or a driver still has its pointer here.
        guard pointer != nil else { return }
        discard()
        // One whose queue was closed by hand has it still.
        if let pointer = finish() { pn_connection_free(pointer) }
    }

    // MARK: State

    /// How far the two sides have come; `.closed` once the connection is over.
    public var state: EndpointState {
        guard let pointer = confined() else { return .closed }
        var state = EndpointState(pn_connection_state(pointer))
        // Until SASL is done proton has an open frame that is none of the peer's.
        if state.remote == .active, !isRemoteOpened, sasl?.isBegun == true { state.remote = .uninitialized }
        return state
    }

    /// The error condition that this side closed the connection with.
    public var condition: Condition? {
        confined().flatMap { Condition(pn_connection_condition($0)) }
    }

    /// The error condition that the peer closed the connection with.
    public var remoteCondition: Condition? {
        confined().flatMap { Condition(pn_connection_remote_condition($0), limits.decoding) }
    }

    /// The connection itself.
    public var connection: Connection { self }

    /// Opens this side: sends an open frame.
    public func open() {
        guard let pointer = confined() else { return }
        pn_connection_open(pointer)
    }

    /// Closes this side: sends a close frame, with the condition where one is given, once what was sent is out.
    ///
    /// While SASL is under way the transport ends at once: the peer has not been sent an open frame.
    public func close(_ condition: Condition?) {
        guard let pointer = confined(), !isLocalClosed else { return }
        if let condition { Condition.set(condition, in: pn_connection_condition(pointer)) }
        noteEnding()
        pn_connection_close(pointer)
        guard let transport = pn_connection_transport(pointer) else {
            owner?.endedWithoutTransport(self)
            return
        }
        noteLocalClose(transport)
        // A transport that has not reached its peer would wait for it before it closes. One whose SASL is not done could not
        // finish that any more, and its peer knows nothing of an open.
        if sasl?.isUnderWay == true
            || (!isRemoteOpened && !isIncoming && pn_transport_get_frames_input(transport) == 0
                && isUnconnected(transport))
        {
            pn_transport_close_head(transport)
            pn_transport_close_tail(transport)
        }
    }

    /// Ends the transport at once, with a condition that `onTransportError` reports; no close frame is waited for.
    ///
    /// A connection that has no transport is over then.
    package func abort(_ condition: Condition? = nil) {
        guard let pointer = confined() else { return }
        guard let transport = pn_connection_transport(pointer) else {
            pn_connection_close(pointer)
            owner?.endedWithoutTransport(self)
            return
        }
        if let condition {
            noteAbort()
            Condition.set(condition, in: pn_transport_condition(transport))
        }
        // Proton aborts the process where it writes before they are settled, which it does once more now.
        settleForeignDeliveries()
        if !pn_transport_tail_closed(transport) { pn_transport_close_tail(transport) }
        // Proton adds its own words to it.
        if let condition { Condition.set(condition, in: pn_transport_condition(transport)) }
        pn_transport_close_head(transport)
        // Through SASL's layer proton reads a close frame that has come once more, and adds that data follows it.
        if let condition { Condition.set(condition, in: pn_transport_condition(transport)) }
    }

    /// Whether the transport has never reached its peer.
    package var isUnconnected: Bool { pointer.flatMap(pn_connection_transport).map(isUnconnected) ?? true }

    private func isUnconnected(_ transport: OpaquePointer) -> Bool {
        guard !isReachedInMemory else { return false }
        return pn_transport_remote_addr(transport).map { pn_netaddr_sockaddr($0).pointee.sa_family == 0 } ?? true
    }

    // MARK: What this side says in its open frame

    /// This side's container id.
    public var containerID: String? {
        get { confined().flatMap { DataBridge.string(pn_connection_get_container($0)) } }
        set { confined().use { pn_connection_set_container($0, newValue) } }
    }

    /// The name of the host, or virtual host, that this side asks for.
    public var hostname: String? {
        get { confined().flatMap { DataBridge.string(pn_connection_get_hostname($0)) } }
        set { confined().use { pn_connection_set_hostname($0, newValue) } }
    }

    /// The name that a client authenticates with, or that the peer authenticated with.
    public var user: String? {
        get {
            guard let pointer = confined() else { return nil }
            if isIncoming, let transport = pn_connection_transport(pointer) {
                return DataBridge.string(pn_transport_get_user(transport))
            }
            return sasl?.user ?? DataBridge.string(pn_connection_get_user(pointer))
        }
        set { confined().use { pn_connection_set_user($0, newValue) } }
    }

    /// Why the log-in of this side, or of the peer, has failed, as an error that says what to do; nil where it has not.
    /// - Parameters:
    ///   - peer: how the peer is called.
    ///   - condition: that of the transport.
    package func loginError(of peer: String, _ condition: Condition) -> ProtonError? {
        // What a peer sends behind it may give the transport another condition.
        guard confined() != nil else { return nil }
        return sasl?.failure?.error(of: peer, condition)
    }

    /// The extensions that this side offers.
    public var offeredCapabilities: [Symbol] {
        get { DataBridge.symbols(of: confined().flatMap(pn_connection_offered_capabilities)) }
        set { DataBridge.set(newValue, in: confined().flatMap(pn_connection_offered_capabilities)) }
    }

    /// The extensions that this side can use.
    public var desiredCapabilities: [Symbol] {
        get { DataBridge.symbols(of: confined().flatMap(pn_connection_desired_capabilities)) }
        set { DataBridge.set(newValue, in: confined().flatMap(pn_connection_desired_capabilities)) }
    }

    /// What this side tells of itself.
    public var properties: AMQPMap {
        get { DataBridge.value(of: confined().flatMap(pn_connection_properties))?.mapValue ?? [:] }
        set {
            DataBridge.set(newValue.isEmpty ? nil : .map(newValue), in: confined().flatMap(pn_connection_properties))
        }
    }

    // MARK: What the peer said in its open frame

    /// The peer's container id; nil before it opened.
    public var remoteContainerID: String? {
        confined().flatMap { DataBridge.string(pn_connection_remote_container($0)) }
    }

    /// The host, or virtual host, that the peer asked for.
    public var remoteHostname: String? {
        confined().flatMap { DataBridge.string(pn_connection_remote_hostname($0)) }
    }

    /// The extensions that the peer offers.
    public var remoteOfferedCapabilities: [Symbol] {
        DataBridge.symbols(of: confined().flatMap(pn_connection_remote_offered_capabilities), limits.decoding)
    }

    /// The extensions that the peer can use.
    public var remoteDesiredCapabilities: [Symbol] {
        DataBridge.symbols(of: confined().flatMap(pn_connection_remote_desired_capabilities), limits.decoding)
    }

    /// What the peer tells of itself.
    public var remoteProperties: AMQPMap {
        DataBridge.value(of: confined().flatMap(pn_connection_remote_properties), limits.decoding)?.mapValue ?? [:]
    }

    /// The transport under the connection; nil where it has none.
    public var transport: Transport? {
        guard let pointer = confined(), pn_connection_transport(pointer) != nil else { return nil }
        return Transport(connection: self)
    }

    // MARK: Sessions and links

    /// Makes a new session, not opened yet.
    /// - Throws: `ProtonError.Code.closed` where the connection has been closed here, or is over;
    ///   `ProtonError.Code.limitExceeded` where there are as many as the peer, or `ConnectionLimits.maxSessions`, allows.
    public func makeSession() throws -> Session {
        guard let pointer = confined(), !isLocalClosed else {
            throw ProtonError(.closed, "The connection is closed: connect again before you make a session.")
        }
        try checkRoomForSession()
        guard let session = pn_session(pointer) else {
            throw ProtonError(.limitExceeded, "There is no memory for a session.")
        }
        return Session(session, of: self)
    }

    /// The session that links go on where none is named; made and opened when first asked for.
    /// - Throws: as `makeSession` does.
    public func session() throws -> Session {
        if let defaultSession, !defaultSession.isLocalClosed, !defaultSession.isRemoteClosed { return defaultSession }
        let session = try makeSession()
        session.open()
        defaultSession = session
        return session
    }

    /// All links of the connection, opened or not.
    public var links: [Link] {
        guard let pointer = confined() else { return [] }
        return sequence(first: pn_link_head(pointer, 0)) { $0.map { pn_link_next($0, 0) } ?? nil }
            .prefix { $0 != nil }.compactMap { $0.flatMap(Link.existing) }
    }

    /// All sessions of the connection, opened or not.
    var allSessions: [Session] {
        guard let pointer else { return [] }
        return sequence(first: pn_session_head(pointer, 0)) { $0.map { pn_session_next($0, 0) } ?? nil }
            .prefix { $0 != nil }.compactMap { $0.flatMap(Session.existing) }
    }

    // MARK: Confinement

    /// Proton's connection, once it is sure that the calling thread may use it; nil where the connection is over.
    @inline(__always)
    func confined() -> OpaquePointer? {
        if !workQueue.domain.isCurrent { admitCaller() }
        return pointer
    }

    /// Stops the process where the calling thread may not use the connection now.
    func admitCaller() {
        guard pointer != nil else { return }
        workQueue.admitCaller()
    }

    // MARK: Life

    /// Takes a new connection of proton's in the place of the one whose transport has closed; called by `renew`.
    func replacePointer(with new: OpaquePointer) {
        pn_connection_set_context(pointer, nil)
        pn_connection_set_context(new, Unmanaged.passUnretained(self).toOpaque())
        pointer = new
        phase = .new
        ending = .none
        endedSessions = EndedSessions()
        unsent = UnsentOutput(limit: limits.maxUnsentBytes)
        (isOutputWatched, outputLink) = (false, nil)
    }

    /// Ends a connection that is in no proactor or driver, or whose proactor is about to go: work that waits runs, and
    /// what it throws is of no interest any more.
    ///
    /// Without this its sessions and links would keep it, and themselves.
    package func discard() {
        let isOwnedElsewhere = workQueue.isOwnedElsewhere
        workQueue.abandon { if let pointer = finish(), !isOwnedElsewhere { pn_connection_free(pointer) } }
    }

    /// Ends a connection that is in no proactor, from its domain: when that is left.
    package func end() {
        workQueue.move(.close { if let pointer = self.finish() { pn_connection_free(pointer) } })
    }

    /// Ends the connection's life: every wrapper lets go of its pointer.
    ///
    /// Called in the connection's domain, once; whoever owns the `pn_connection_t` frees it afterwards.
    /// - Returns: proton's connection, for the caller to free where it owns it.
    @discardableResult
    package func finish() -> OpaquePointer? {
        guard let pointer else { return nil }
        var link = pn_link_head(pointer, 0)
        while let current = link {
            link = pn_link_next(current, 0)
            Link.existing(current)?.invalidate()
        }
        var session = pn_session_head(pointer, 0)
        while let current = session {
            session = pn_session_next(current, 0)
            Session.existing(current)?.invalidate()
        }
        defaultSession = nil
        outputLink = nil
        place = nil
        // A handler that keeps its connection, a link or a delivery would keep itself.
        eventHandler = DeafHandler.shared
        pn_connection_set_context(pointer, nil)
        self.pointer = nil
        return pointer
    }
}
