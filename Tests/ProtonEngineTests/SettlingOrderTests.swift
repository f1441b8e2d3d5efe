// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Deliveries that are settled in another order than they came in: proton 0.37 would abort the process for some.
struct SettlingOrderTests {
    /// What is done about the first of two messages once the second is settled.
    enum First: Sendable, CaseIterable {
        case settled, taken, takenInParts, closedWith, detachedWith, sessionEnded, peerDetaches, peerEnds
    }

    @Test(arguments: First.allCases, [false, true])
    func theSecondIsSettledFirst(_ first: First, isAborted: Bool) throws {
        let raw = RawPeer()
        var deliveries: [Delivery] = []
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event { deliveries.append(delivery) }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(10)
        try raw.pump()
        try raw.send(
            .transfer(id: 0, more: isAborted), .transfer(id: isAborted ? 0 : 1, tag: [9], isAborted: isAborted),
            .transfer(id: isAborted ? 1 : 2, tag: [2]), .transfer(id: isAborted ? 2 : 3, tag: [3]))
        guard deliveries.count >= 3 else { return }
        let receiver = try raw.receiver
        let one = deliveries[0]
        let two = try #require(deliveries.first { $0.tag == [2] })
        two.settle(.accepted)
        switch first {
        case .settled: one.settle(.accepted)
        case .taken: _ = one.takeBytes()
        case .takenInParts: _ = one.takePart()
        case .closedWith: receiver.close()
        case .detachedWith: receiver.detach()
        case .sessionEnded: receiver.session.close()
        case .peerDetaches: try raw.send(.detach())
        case .peerEnds: try raw.send(.end())
        }
        try raw.pump()
        if first == .closedWith || first == .detachedWith { try raw.send(.detach()) }
        if first == .sessionEnded { try raw.send(.end()) }
        try raw.pump()
        #expect(raw.frames.contains { $0.kind == .disposition && $0["first"] == .uint(isAborted ? 1 : 2) })
        raw.peer.vanish()
        try raw.pump()
        #expect(raw.peer.driver.isFinished)
    }
}
