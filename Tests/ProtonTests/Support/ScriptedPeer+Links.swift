import Proton
import ProtonTesting

extension ScriptedServer {
    /// Takes the next connection, up to its session.
    func acceptSession() throws -> ScriptedPeer {
        let peer = try accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        return peer
    }
}

extension ScriptedPeer {
    /// Takes the next link, and attaches it.
    /// - Parameter credit: how many messages it may send, where it is a sender.
    /// - Returns: the link's attach.
    @discardableResult
    func attachNext(credit: UInt32 = 0) throws -> Frame {
        let attach = try expect(.attach, skipping: .flow)
        try send(.attach(answering: attach))
        if credit > 0 { try send(.flow(credit: credit, handle: attach.handle)) }
        return attach
    }

    /// Waits for the other side's close, and answers it.
    func answerClose() throws {
        try expect(.close, skipping: .detach, .disposition, .flow, .end)
        try send(.close())
    }
}

extension Frame {
    /// The handle of a frame of a link.
    var handle: UInt32 { UInt32(self["handle"].intValue ?? 0) }
    /// The id of the first delivery that a frame is about.
    var deliveryID: UInt32 { UInt32(self[kind == .transfer ? "delivery-id" : "first"].intValue ?? 0) }
}
