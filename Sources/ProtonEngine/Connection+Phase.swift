// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Connection {
    /// How far a connection has come with its transport.
    package enum Phase: Equatable {
        /// It has no transport: it is not connected yet, or waits to be connected again.
        case new
        /// It has a transport, and its peer has not opened it.
        ///
        /// Where others follow, this is one of several addresses: that it can't be reached is not told.
        case connecting(othersFollow: Bool)
        /// Its peer has opened it.
        case open
        /// This side has ended the transport, and its error has not been told.
        case aborted(wasOpen: Bool, othersFollow: Bool)
    }

    /// Whether the peer has opened the connection over the transport that it has now.
    package var isRemoteOpened: Bool {
        switch phase {
        case .open, .aborted(wasOpen: true, _): true
        case .new, .connecting, .aborted(wasOpen: false, _): false
        }
    }

    /// Whether the transport goes to one of several addresses, and has not reached its peer.
    var isOneOfSeveralTries: Bool { othersFollow && isUnconnected }

    private var othersFollow: Bool {
        switch phase {
        case .connecting(let othersFollow), .aborted(_, let othersFollow): othersFollow
        case .new, .open: false
        }
    }

    /// The connection gets a transport.
    package func beginConnecting(othersFollow: Bool = false) {
        phase = .connecting(othersFollow: othersFollow)
        (isTransportErrorTold, isReachedInMemory) = (false, false)
    }

    func noteRemoteOpen() {
        phase = .open
        owner?.connectionOpened(self)
        awaitClose()
    }

    /// This side has given the transport a condition, which is to be told.
    func noteAbort() {
        phase = .aborted(wasOpen: isRemoteOpened, othersFollow: othersFollow)
    }

    /// Whether a condition that `abort` gave has not been told; says so once: proton makes no event of it.
    func takeAbort() -> Bool {
        guard case .aborted(let wasOpen, let othersFollow) = phase else { return false }
        phase = wasOpen ? .open : .connecting(othersFollow: othersFollow)
        return true
    }
}
