// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

// What the defaults of a handler's error callbacks do: on a connection that this program opened the error comes out of
// `run()`, on one that a peer opened it is logged.

extension ConnectionEvent {
    /// Nobody handles that the peer closed the connection with an error condition.
    func failUnhandled() throws {
        try connection.closeUnhandled(error)
    }
}

extension SessionEvent {
    /// Nobody handles that the peer ended the session with an error condition.
    func failUnhandled() throws {
        try connection.closeUnhandled(error)
    }
}

extension LinkEvent {
    /// Nobody handles that the peer closed the link with an error condition.
    func failUnhandled() throws {
        try connection.closeUnhandled(error)
    }
}

extension TransportEvent {
    /// Nobody handles that the transport failed.
    func failUnhandledLoss() throws {
        guard let error else { return }
        try connection.failUnhandledLoss(error)
    }

    /// Nobody handles that the connection is not made again.
    func failUnhandledEndOfTries() throws {
        try connection.failUnhandled(
            error ?? ProtonError(.disconnected, "The connection is lost, and is not made again."))
    }
}
