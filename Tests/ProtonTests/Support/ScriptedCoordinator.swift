import Proton
import ProtonTesting

/// How far a transaction is when something happens to it.
enum TransactionStage: String, CaseIterable {
    case declaring, open, committing, aborting
}

/// What a peer does to it.
enum PeerFailure: String, CaseIterable {
    case detaches, detachesWithoutClosing, closesTheLink, rollsBack, endsTheSession, closes, vanishes

    /// Plays it, up to the end of the connection.
    func play(on peer: ScriptedPeer, handle: UInt32) throws {
        let error = Condition("amqp:internal-error", "out of order")
        switch self {
        case .detaches: try peer.send(.detach(handle: handle, error: error, ["closed": false]))
        case .detachesWithoutClosing: try peer.send(.detach(handle: handle, ["closed": false]))
        case .closesTheLink: try peer.send(.detach(handle: handle))
        case .rollsBack: try peer.send(.detach(handle: handle, error: "amqp:transaction:rollback"))
        case .endsTheSession: try peer.send(.end())
        case .closes: try peer.send(.close(error: error))
        case .vanishes: return peer.close()
        }
        try peer.expect(.close, skipping: .detach, .end, .attach, .begin, .disposition)
        if self != .closes { try peer.send(.close()) }
    }
}

/// Plays a coordinator.
struct ScriptedCoordinator {
    let peer: ScriptedPeer
    let handle: UInt32

    /// Takes a connection, and answers everything up to the request for a transaction.
    init(_ server: ScriptedServer) throws {
        peer = try server.accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        var attach: Frame
        repeat {
            attach = try peer.expect(.attach)
            let number = UInt32(attach["handle"].intValue ?? 0)
            try peer.send(.attach(answering: attach), .flow(credit: 10, handle: number))
        } while !"\(attach["target"])".contains("local-transactions")
        handle = UInt32(attach["handle"].intValue ?? 0)
    }

    /// Takes the next request.
    func request() throws -> UInt32 {
        UInt32(
            try peer.expect(.transfer, ["handle": .uint(handle)], skipping: .disposition)["delivery-id"].intValue ?? 0)
    }

    /// Takes the next request, and answers it.
    func answer(_ state: DeliveryState, isSettled: Bool = true) throws {
        try peer.send(.disposition(state, request(), ["settled": .boolean(isSettled)]))
    }

    func declare(_ id: [UInt8] = [7]) throws { try answer(.declared(id: id)) }

    /// Takes a transaction as far as a stage.
    func play(to stage: TransactionStage) throws {
        guard stage != .declaring else {
            _ = try request()
            return
        }
        try declare()
        if stage != .open { _ = try request() }
    }

    func close() throws {
        try peer.expect(.close, skipping: .detach, .disposition)
        try peer.send(.close())
    }
}
