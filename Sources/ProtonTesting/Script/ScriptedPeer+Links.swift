// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

extension ScriptedServer {
    /// Accepts the next connection and its session.
    package func acceptSession() throws -> ScriptedPeer {
        let peer = try accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        return peer
    }
}

extension ScriptedPeer {
    /// Waits for the next link, and attaches it.
    /// - Parameters:
    ///   - credit: the credit to grant, if the link is a sender.
    ///   - node: the address of the node to create, if the link asks for a dynamic one.
    /// - Returns: the link's attach frame.
    @discardableResult
    package func attachNext(credit: UInt32 = 0, node: String = "dynamic") throws -> Frame {
        let attach = try expect(.attach, skipping: .flow)
        var answer = Frame.attach(answering: attach)
        if attach["source"].frameText.contains("dynamic: true") { answer["source"] = .source(node) }
        try send(answer)
        if credit > 0 { try send(.flow(credit: credit, handle: attach.handle)) }
        return attach
    }

    /// Waits for the other side's close, and answers it.
    package func answerClose() throws {
        try expect(.close, skipping: .detach, .disposition, .flow, .end)
        try send(.close())
    }
}

extension Frame {
    /// The handle of a frame of a link.
    package var handle: UInt32 { UInt32(self["handle"].intValue ?? 0) }
    /// The id of the first delivery of a frame.
    package var deliveryID: UInt32 { UInt32(self[kind == .transfer ? "delivery-id" : "first"].intValue ?? 0) }
}
