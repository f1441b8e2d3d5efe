// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

// The end of an endpoint as an error: its message names the peer, the endpoint, and the condition if there is one.

extension ConnectionEvent {
    /// The close of the connection as an error, for `onConnectionError`, `onConnectionClosing` and similar callbacks.
    public var error: ProtonError { connection.closeError(.connectionError, "closed the connection", of: connection) }
}

extension SessionEvent {
    /// The end of the session as an error, for `onSessionError`, `onSessionClosing` and similar callbacks.
    public var error: ProtonError { connection.closeError(.sessionError, "ended a session", of: session) }
}

extension LinkEvent {
    /// The close or detach of the link as an error, for `onLinkError`, `onLinkClosing`, `onLinkDetached` and similar callbacks.
    public var error: ProtonError {
        connection.closeError(.linkError, "\(link.isRemoteClosed ? "closed" : "detached") the \(link.title)", of: link)
    }
}
