// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// How a peer ends a link, or with it what it is on.
package enum PeerFailure: String, CaseIterable {
    case detaches, detachesWithoutClosing, closesTheLink, rollsBack
    case endsTheSession, closes, closesWithoutReason, vanishes

    /// Does it to a link.
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

    /// Does it to a link, and answers the other side up to the end of the connection.
    package func playToTheEnd(on peer: ScriptedPeer, handle: UInt32) throws {
        try play(on: peer, handle: handle)
        if self == .vanishes { return }
        try peer.expect(.close, skipping: .detach, .end, .attach, .begin, .flow, .disposition)
        if self != .closes, self != .closesWithoutReason { try peer.send(.close()) }
    }
}
