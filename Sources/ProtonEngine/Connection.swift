// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton
import Glibc

/// An AMQP connection: the sessions and links of two peers over one transport (AMQP 1.0, 2.4; `pn_connection_t`).
///
/// A connection and all of its endpoints belong to the connection's domain: the thread that handles its events, for the duration
/// of a callback. Other threads use the connection through `workQueue`. After its transport has closed for good, the connection
/// has ended: its state is `.closed`, and calls on it, its sessions and links have no effect.
public final class Connection: Endpoint {
    // The hot properties of endpoints have no run-time check for overlapping accesses, because the check costs more than the rest
    // of the work for a message. An endpoint is used in one domain at a time, and no access spans a call to other code.

    /// Proton's connection; nil after the connection has ended.
    @exclusivity(unchecked) package internal(set) var pointer: OpaquePointer?
    /// The queue of work that other threads add for this connection; also the connection's executor.
    public let workQueue: WorkQueue
    /// The owner, which runs the connection's loop; nil for a connection that is driven by hand.
    package let owner: (any ConnectionOwner)?
    /// Whether the peer made the connection.
    package let isIncoming: Bool
    /// The limits for the peer's use of this side.
    package let limits: ConnectionLimits
    /// The handler of the events of this connection, and of its endpoints without a handler of their own.
    @exclusivity(unchecked) package var eventHandler: any EventHandler {
        didSet { handlersVersion += 1 }
    }
    /// Increases when the handler of the connection or of a session changes, because links cache their handler.
    @exclusivity(unchecked) var handlersVersion = 0
    /// The number of bytes of incomplete messages that all links buffer.
    var incompleteBytes = 0
    /// The connection's place in the limits of the process and the listener, until it ends.
    var place: Admission.Place?
    var defaultSession: Session?
    /// The number of links on all sessions, opened or not.
    var linkCount = 0
    /// Whether this side has closed the connection because of a violation that is not reported yet.
    var isFailing = false
    /// Whether the transport has a peer in memory instead of a socket.
    package var isReachedInMemory = false
    /// The sessions that have ended, and whose channels proton may still use.
    var endedSessions = EndedSessions()
    /// The amount of output that the peer has not read.
    @exclusivity(unchecked) var unsent: UnsentOutput
    /// Whether an event will occur when some of that output is written.
    var isOutputWatched = false
    /// The link on which such events are made; nil until one is needed.
    var outputLink: OutputLink?
    /// How this side ends the connection.
    var ending = Ending.none
    /// The state of the connection's transport.
    package internal(set) var phase = Phase.new
    /// The lifecycle events that handlers have received.
    var announcement = Announcement.none
    /// Whether the error that ended the transport was reported.
    var isTransportErrorReported = false
    /// The layer that checks the peer's frames; nil if the transport has none.
    var frameLayer: FrameLayer?
    /// The TLS of the transport.
    var tls = TransportTLS.none
    /// The SASL layer of the current or last transport; nil if it has none.
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
        // `finish` clears the context before this object is released.
        pn_connection_set_context(pointer, Unmanaged.passUnretained(self).toOpaque())
        workQueue.bind(self)
    }

    deinit {
        // Only a connection that was never in a proactor or a driver still has its pointer here.
        guard pointer != nil else { return }
        discard()
        // If the queue was closed by hand, the connection still has its pointer.
        if let pointer = finish() { pn_connection_free(pointer) }
    }

    // MARK: State

    /// The states of the two sides; `.closed` after the connection has ended.
    public var state: EndpointState {
        guard let pointer = confined() else { return .closed }
        var state = EndpointState(pn_connection_state(pointer))
        // Until SASL is completed, proton has an open frame that is not the peer's.
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

    /// Closes this side: sends the pending output and then a close frame, with an optional condition.
    ///
    /// During SASL the transport ends at once, because no open frame was sent yet.
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
        // A transport that has not reached its peer would wait for it before it closes. If SASL is not completed, it could not be
        // completed after the close, and no open frame was sent.
        if sasl?.isUnderWay == true
            || (!isRemoteOpened && !isIncoming && pn_transport_get_frames_input(transport) == 0
                && isUnconnected(transport))
        {
            pn_transport_close_head(transport)
            pn_transport_close_tail(transport)
        }
    }

    /// Ends the transport at once, with a condition that `onTransportError` reports; does not wait for a close frame.
    ///
    /// A connection without a transport ends.
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
        // Proton aborts the process if it writes before these are settled, and it writes once more now.
        settleForeignDeliveries()
        if !pn_transport_tail_closed(transport) { pn_transport_close_tail(transport) }
        // Proton adds its own text to the condition.
        if let condition { Condition.set(condition, in: pn_transport_condition(transport)) }
        pn_transport_close_head(transport)
        // Through the SASL layer, proton reads a close frame that has arrived a second time, and adds that data follows it.
        if let condition { Condition.set(condition, in: pn_transport_condition(transport)) }
    }

    /// Whether the transport has never reached its peer.
    package var isUnconnected: Bool { pointer.flatMap(pn_connection_transport).map(isUnconnected) ?? true }

    private func isUnconnected(_ transport: OpaquePointer) -> Bool {
        guard !isReachedInMemory else { return false }
        return pn_transport_remote_addr(transport).map { pn_netaddr_sockaddr($0).pointee.sa_family == 0 } ?? true
    }

    // MARK: This side's open frame

    /// This side's container id.
    public var containerID: String? {
        get { confined().flatMap { DataBridge.string(pn_connection_get_container($0)) } }
        set { confined().use { pn_connection_set_container($0, newValue) } }
    }

    /// The name of the host, or virtual host, that this side wants to connect to.
    public var hostname: String? {
        get { confined().flatMap { DataBridge.string(pn_connection_get_hostname($0)) } }
        set { confined().use { pn_connection_set_hostname($0, newValue) } }
    }

    /// The name that a client authenticates with, or the name that the peer authenticated with.
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

    /// The reason why this side's or the peer's authentication failed, as an error that says what to do; nil if it did not fail.
    /// - Parameters:
    ///   - peer: the name of the peer in the error.
    ///   - condition: the condition of the transport.
    package func loginError(of peer: String, _ condition: Condition) -> ProtonError? {
        // Input that the peer sends afterwards may give the transport another condition.
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

    /// The properties that this side describes itself with.
    public var properties: AMQPMap {
        get { DataBridge.value(of: confined().flatMap(pn_connection_properties))?.mapValue ?? [:] }
        set {
            DataBridge.set(newValue.isEmpty ? nil : .map(newValue), in: confined().flatMap(pn_connection_properties))
        }
    }

    // MARK: The peer's open frame

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

    /// The properties that the peer describes itself with.
    public var remoteProperties: AMQPMap {
        DataBridge.value(of: confined().flatMap(pn_connection_remote_properties), limits.decoding)?.mapValue ?? [:]
    }

    /// The transport of the connection; nil if it has none.
    public var transport: Transport? {
        guard let pointer = confined(), pn_connection_transport(pointer) != nil else { return nil }
        return Transport(connection: self)
    }

    // MARK: Sessions and links

    /// Makes a new session, not opened yet.
    /// - Throws: `ProtonError.Code.closed` if this side has closed the connection, or if the connection has ended;
    ///   `ProtonError.Code.limitExceeded` if the maximum number of sessions that the peer or `ConnectionLimits.maxSessions`
    ///   allows is reached.
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

    /// The default session of links; made and opened when it is first used.
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

    /// Proton's connection, after a check that the calling thread may use it; nil if the connection has ended.
    @inline(__always)
    func confined() -> OpaquePointer? {
        if !workQueue.domain.isCurrent { admitCaller() }
        return pointer
    }

    /// Stops the process if the calling thread may not use the connection now.
    func admitCaller() {
        guard pointer != nil else { return }
        workQueue.admitCaller()
    }

    // MARK: Lifetime

    /// Replaces proton's connection, whose transport has closed, by a new one; called by `renew`.
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

    /// Ends a connection that is in no proactor or driver, or whose proactor is about to be freed. Waiting work runs, and its
    /// errors are ignored.
    ///
    /// Without this call, references between the connection and its sessions and links would keep all of them alive.
    package func discard() {
        let isOwnedElsewhere = workQueue.isOwnedElsewhere
        workQueue.abandon { if let pointer = finish(), !isOwnedElsewhere { pn_connection_free(pointer) } }
    }

    /// Ends a connection that is in no proactor, when its domain is left; called in the domain.
    package func end() {
        workQueue.move(.close { if let pointer = self.finish() { pn_connection_free(pointer) } })
    }

    /// Ends the connection: all wrappers release their pointers.
    ///
    /// Called once, in the connection's domain; the owner of the `pn_connection_t` frees it afterwards.
    /// - Returns: proton's connection; the caller frees it if it owns it.
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
        // Removes reference cycles through handlers that keep their connection, a link or a delivery.
        eventHandler = IgnoringHandler.shared
        pn_connection_set_context(pointer, nil)
        self.pointer = nil
        return pointer
    }
}
