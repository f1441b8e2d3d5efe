// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

// How an endpoint ended, as an error: its message names the peer, what ended, and the condition where there is one.

extension ConnectionEvent {
    /// The close of the connection as an error, for `onConnectionError`, `onConnectionClosing` and their like.
    public var error: ProtonError { connection.closeError(.connectionError, "closed the connection", of: connection) }
}

extension SessionEvent {
    /// The end of the session as an error, for `onSessionError`, `onSessionClosing` and their like.
    public var error: ProtonError { connection.closeError(.sessionError, "ended a session", of: session) }
}

extension LinkEvent {
    /// The close or detach of the link as an error, for `onLinkError`, `onLinkClosing`, `onLinkDetached` and their like.
    public var error: ProtonError {
        connection.closeError(.linkError, "\(link.isRemoteClosed ? "closed" : "detached") the \(link.title)", of: link)
    }
}
