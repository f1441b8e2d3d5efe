// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What is sent, or made, on something that has been closed: an error, and nothing that gets lost.
struct ClosedUseTests {
    /// What ends a link, on one of its sides.
    enum Ending: CaseIterable {
        case close, detach, session, connection, peersClose, peersDetach, peersEnd, peersConnection
    }

    @Test(arguments: Ending.allCases)
    func nothingCanBeSentAfterwards(_ ending: Ending) throws {
        let raw = RawPeer(isServer: false)
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        sender.target.address = "q"
        sender.open()
        try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
        try raw.send(.attach(receivingFrom: "q"), .flow(credit: 10))
        try sender.send(Message(body: 1))
        #expect(sender.credit == 9)
        var seen: [ProtonError.Code] = []
        raw.peer.events.react = { event in
            // In the callback of the peer's word, before this side answers it.
            if event.name.hasSuffix("remoteClose") || event.name.hasSuffix("remoteDetach") {
                do { try sender.send(Message(body: 2)) } catch {
                    seen.append((error as? ProtonError)?.code ?? .timedOut)
                }
            }
        }
        switch ending {
        case .close: sender.close()
        case .detach: sender.detach()
        case .session: sender.session.close()
        case .connection: sender.connection.close()
        case .peersClose: try raw.send(.detach())
        case .peersDetach: try raw.send(.detach(["closed": false]))
        case .peersEnd: try raw.send(.end())
        case .peersConnection: try raw.send(.close())
        }
        #expect(seen.allSatisfy { $0 == .closed })
        #expect(sender.credit == 0)
        let sends: [() throws -> Void] = [
            { try sender.send(Message(body: 2)) }, { try sender.send(encoded: [0]) },
            { try sender.send(Message(body: 2), tag: [1]) }, { _ = try sender.stream() },
        ]
        for send in sends {
            let error = #expect(throws: ProtonError.self, performing: send)
            #expect(error?.code == .closed && error?.message.contains("sender to q") == true)
        }
        try raw.pump()
        #expect(raw.frames.count { $0.kind == .transfer } == 1)
    }

    @Test func nothingCanBeMadeOnIt() throws {
        let pair = EnginePair()
        try pair.open()
        let connection = pair.client.connection
        let session = try connection.session()
        try pair.pump()
        session.close()
        for make in [{ _ = try session.makeSender(name: "a") }, { _ = try session.makeReceiver(name: "b") }] {
            #expect(#expect(throws: ProtonError.self, performing: make)?.code == .closed)
        }
        // Another one is made for those who ask the connection.
        let next = try connection.session()
        _ = try next.makeSender(name: "a")
        connection.close()
        let makes: [() throws -> Void] = [
            { _ = try next.makeSender(name: "c") }, { _ = try next.makeReceiver(name: "d") },
            { _ = try connection.makeSession() },
        ]
        for make in makes { #expect(#expect(throws: ProtonError.self, performing: make)?.code == .closed) }
    }

    @Test func aPeersEndLeavesTheConnectionAlone() throws {
        let raw = RawPeer(isServer: false)
        let session = try raw.peer.connection.session()
        try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]), .end())
        #expect(throws: ProtonError.self) { try session.makeSender(name: "a") }
        #expect(try raw.peer.connection.session() !== session)
    }
}
