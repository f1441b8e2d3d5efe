// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// A session: a sequence of transfers in each direction, with its links (AMQP 1.0, 2.5; `pn_session_t`).
///
/// It belongs to its connection's domain.
public final class Session: Endpoint {
    @exclusivity(unchecked) package internal(set) var pointer: OpaquePointer?
    /// The connection of the session, which the session keeps alive.
    public let connection: Connection
    /// The handler of the events of this session, and of its links without a handler of their own.
    @exclusivity(unchecked) package var eventHandler: (any EventHandler)? {
        didSet { connection.handlersVersion += 1 }
    }

    /// Which sides have closed, according to the events so far.
    @exclusivity(unchecked) var endedSides = EndpointState.active

    /// Whether the peer began the session.
    let isPeerMade: Bool
    /// Whether a link was opened on this session.
    var hasFirstLink = false
    /// The lifecycle events that handlers have received.
    var announcement = Announcement.none

    init(_ pointer: OpaquePointer, of connection: Connection, isPeerMade: Bool = false) {
        self.isPeerMade = isPeerMade
        self.pointer = pointer
        self.connection = connection
        // Proton's session keeps its wrapper alive until `invalidate` releases it.
        pn_session_set_context(pointer, Unmanaged.passRetained(self).toOpaque())
        pn_session_set_incoming_capacity(pointer, connection.limits.sessionCapacity)
    }

    static func existing(_ pointer: OpaquePointer) -> Session? {
        pn_session_get_context(pointer).map { Unmanaged<Session>.fromOpaque($0).takeUnretainedValue() }
    }

    private func confined() -> OpaquePointer? {
        connection.confined() == nil ? nil : pointer
    }

    /// The states of the two sides; `.closed` after the session has ended.
    public var state: EndpointState {
        confined().map { EndpointState(pn_session_state($0)) } ?? .closed
    }

    /// The error condition that this side ended the session with.
    public var condition: Condition? {
        confined().flatMap { Condition(pn_session_condition($0)) }
    }

    /// The error condition that the peer ended the session with.
    public var remoteCondition: Condition? {
        confined().flatMap { Condition(pn_session_remote_condition($0), connection.limits.decoding) }
    }

    /// Opens this side: sends a begin frame.
    ///
    /// If there is no channel for it, because the present peer allows fewer sessions than were made, the connection is closed
    /// with `amqp:resource-limit-exceeded`: see `onConnectionError`.
    public func open() {
        guard let pointer = confined(), isLocalUninitialized else { return }
        guard connection.hasChannel(for: self) else { return connection.failForChannels() }
        pn_session_open(pointer)
    }

    /// Closes this side: sends an end frame, with an optional condition.
    public func close(_ condition: Condition?) {
        guard let pointer = confined(), !isLocalClosed else { return }
        // Proton begins a session that was not opened before it ends it.
        if isLocalUninitialized, !connection.hasChannel(for: self) { return connection.failForChannels() }
        if let condition { Condition.set(condition, in: pn_session_condition(pointer)) }
        releaseUnreadIfWindowClosed()
        noteEnding()
        pn_session_close(pointer)
    }

    /// Makes a sender on this session, not opened yet.
    /// - Parameter name: must be unique among the links between the two containers (AMQP 1.0, 2.6.1).
    /// - Throws: `ProtonError.Code.closed` if the session or its connection is closed; `ProtonError.Code.limitExceeded` if the
    ///   connection has `ConnectionLimits.maxLinks` links.
    public func makeSender(name: String) throws -> Sender {
        guard let link = pn_sender(try admitted(), name) else { throw overError }
        return Sender(link, of: self)
    }

    /// Makes a receiver on this session, not opened yet.
    /// - Parameter name: must be unique among the links between the two containers (AMQP 1.0, 2.6.1).
    /// - Throws: as `makeSender` does.
    public func makeReceiver(name: String) throws -> Receiver {
        guard let link = pn_receiver(try admitted(), name) else { throw overError }
        return Receiver(adopting: link, of: self)
    }

    /// Proton's session, if a link can be made on it.
    private func admitted() throws(ProtonError) -> OpaquePointer {
        guard let pointer = confined(), !isLocalClosed, !isRemoteClosed, !connection.isLocalClosed else {
            throw overError
        }
        try connection.checkRoomForLink(on: self)
        return pointer
    }

    private var overError: ProtonError {
        ProtonError(.closed, "The session is closed, or its connection: make a link on a session that is open.")
    }

    // MARK: Windows

    /// The maximum number of unread bytes of transfers that the session buffers. Default `ConnectionLimits.sessionCapacity`.
    ///
    /// Set before `open`. The minimum is one frame of `ConnectionLimits.maxFrameSize`. It becomes an incoming window of whole
    /// frames (AMQP 1.0, 2.5.6).
    public var incomingCapacity: Int {
        get { confined().map { Int(pn_session_get_incoming_capacity($0)) } ?? 0 }
        set {
            let frame = Int(connection.limits.maxFrameSize)
            confined().use { pn_session_set_incoming_capacity($0, max(newValue, frame)) }
        }
    }

    /// The outgoing window that this side declares, in transfer frames. Default 2,147,483,647; set before `open`.
    public var outgoingWindow: Int {
        get { confined().map { Int(pn_session_get_outgoing_window($0)) } ?? 0 }
        set { confined().use { pn_session_set_outgoing_window($0, min(max(newValue, 1), Int(Int32.max))) } }
    }

    /// The number of bytes to be written above which messages that are sent in pieces wait (`Sender.stream`). Default 1 MiB.
    public var outgoingCapacity = 1_024 * 1_024

    /// The number of bytes buffered for sending on the session's links.
    public var outgoingBytes: Int { confined().map { Int(pn_session_outgoing_bytes($0)) } ?? 0 }

    /// The number of unread bytes of the session's transfers.
    public var incomingBytes: Int { confined().map { Int(pn_session_incoming_bytes($0)) } ?? 0 }

    // MARK: Lifetime

    /// Marks all links of the session as ended, because one side ends the session.
    func noteEnding() {
        for link in connection.links where link.session === self { link.noteEnding() }
    }

    /// Frees a session that both sides have closed, with its links.
    func free() {
        guard let pointer else { return }
        var link = pn_link_head(pn_session_connection(pointer), 0)
        while let current = link {
            link = pn_link_next(current, 0)
            if pn_link_session(current) == pointer { Link.existing(current)?.free() }
        }
        invalidate()
        connection.noteSessionEnd()
        pn_session_free(pointer)
    }

    /// Releases proton's session.
    func invalidate() {
        guard let pointer else { return }
        self.pointer = nil
        eventHandler = nil
        pn_session_set_context(pointer, nil)
        Unmanaged.passUnretained(self).release()
    }
}
