// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// The ways in which a peer can end a link, or the session or connection of the link.
package enum PeerFailure: String, CaseIterable {
    case detaches, detachesWithoutClosing, closesTheLink, rollsBack
    case endsTheSession, closes, closesWithoutReason, vanishes

    /// Ends a link in this way.
    package func play(on peer: ScriptedPeer, handle: UInt32) throws {
        let error = Condition(.notAllowed, "no more")
        switch self {
        case .detaches: try peer.send(.detach(handle: handle, error: error, ["closed": false]))
        case .detachesWithoutClosing: try peer.send(.detach(handle: handle, ["closed": false]))
        case .closesTheLink: try peer.send(.detach(handle: handle))
        case .rollsBack: try peer.send(.detach(handle: handle, error: "amqp:transaction:rollback"))
        case .endsTheSession: try peer.send(.end())
        case .closes: try peer.send(.close(error: error))
        case .closesWithoutReason: try peer.send(.close())
        case .vanishes: peer.close()
        }
    }

    /// Ends a link in this way, and answers the other side until the connection is closed.
    package func playToTheEnd(on peer: ScriptedPeer, handle: UInt32) throws {
        try play(on: peer, handle: handle)
        if self == .vanishes { return }
        try peer.expect(.close, skipping: .detach, .end, .attach, .begin, .flow, .disposition)
        if self != .closes, self != .closesWithoutReason { try peer.send(.close()) }
    }
}
