// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

// The defaults of a handler's error callbacks: if this program opened the connection, `run()` throws the error; if a peer opened
// it, the error is logged.

extension ConnectionEvent {
    /// Handles a close of the connection by the peer with an error condition.
    func failUnhandled() throws {
        try connection.closeUnhandled(error)
    }
}

extension SessionEvent {
    /// Handles an end of the session by the peer with an error condition.
    func failUnhandled() throws {
        try connection.closeUnhandled(error)
    }
}

extension LinkEvent {
    /// Handles a close of the link by the peer with an error condition.
    func failUnhandled() throws {
        try connection.closeUnhandled(error)
    }
}

extension TransportEvent {
    /// Handles an error of the transport.
    func failUnhandledLoss() throws {
        guard let error else { return }
        try connection.failUnhandledLoss(error)
    }

    /// Handles the end of the attempts to connect again.
    func failUnhandledEndOfTries() throws {
        try connection.failUnhandled(
            error ?? ProtonError(.disconnected, "The connection is lost, and is not made again."))
    }
}
