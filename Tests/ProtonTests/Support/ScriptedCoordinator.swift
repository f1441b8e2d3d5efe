// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting

/// How far a transaction is when something happens to it.
enum TransactionStage: String, CaseIterable {
    case declaring, open, committing, aborting
}

/// Plays a coordinator.
struct ScriptedCoordinator {
    let peer: ScriptedPeer
    let handle: UInt32

    /// Takes a connection, and answers everything up to the request for a transaction.
    init(_ server: ScriptedServer) throws {
        peer = try server.acceptSession()
        var attach: Frame
        repeat {
            attach = try peer.expect(.attach)
            try peer.send(.attach(answering: attach), .flow(credit: 10, handle: attach.handle))
        } while !"\(attach["target"])".contains("local-transactions")
        handle = attach.handle
    }

    /// Takes the next request.
    func request() throws -> UInt32 {
        try peer.expect(.transfer, ["handle": .uint(handle)], skipping: .disposition).deliveryID
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

    func close() throws { try peer.answerClose() }
}
