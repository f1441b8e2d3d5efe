// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Connection {
    /// The state of a connection's transport.
    package enum Phase: Equatable {
        /// There is no transport: the connection was not connected yet, or waits to be connected again.
        case new
        /// There is a transport, and the peer has not opened the connection.
        ///
        /// With `othersFollow` this is one of several addresses, and an error in reaching it is not reported.
        case connecting(othersFollow: Bool)
        /// The peer has opened the connection.
        case open
        /// This side has ended the transport, and the error is not reported yet.
        case aborted(wasOpen: Bool, othersFollow: Bool)
    }

    /// Whether the peer has opened the connection over the current transport.
    package var isRemoteOpened: Bool {
        switch phase {
        case .open, .aborted(wasOpen: true, _): true
        case .new, .connecting, .aborted(wasOpen: false, _): false
        }
    }

    /// Whether the transport is for one of several addresses, and has not reached its peer.
    var isOneOfSeveralTries: Bool { othersFollow && isUnconnected }

    private var othersFollow: Bool {
        switch phase {
        case .connecting(let othersFollow), .aborted(_, let othersFollow): othersFollow
        case .new, .open: false
        }
    }

    /// Called when the connection gets a transport.
    package func beginConnecting(othersFollow: Bool = false) {
        phase = .connecting(othersFollow: othersFollow)
        (isTransportErrorReported, isReachedInMemory) = (false, false)
    }

    func noteRemoteOpen() {
        phase = .open
        owner?.connectionOpened(self)
        awaitClose()
    }

    /// Records that this side has set a condition on the transport, which must be reported.
    func noteAbort() {
        phase = .aborted(wasOpen: isRemoteOpened, othersFollow: othersFollow)
    }

    /// Whether a condition of `abort` is not reported yet; true once, because proton makes no event for it.
    func takeAbort() -> Bool {
        guard case .aborted(let wasOpen, let othersFollow) = phase else { return false }
        phase = wasOpen ? .open : .connecting(othersFollow: othersFollow)
        return true
    }
}
