// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Transfers that a peer sends on a link where this side sends: proton 0.37 would abort the process for them.
struct ForeignDeliveryTests {
    /// What the peer sends on the link.
    struct Form: Sendable, CustomTestStringConvertible {
        let name: String
        let frames: [Frame]

        init(_ name: String, _ frames: Frame...) { (self.name, self.frames) = (name, frames) }

        var testDescription: String { name }
    }

    static let forms: [Form] = [
        Form("aborted", .transfer(id: 0, isAborted: true)),
        Form("aborted, empty", .transfer(id: 0, isAborted: true, [])),
        Form("aborted, more", .transfer(id: 0, more: true, isAborted: true)),
        Form("aborted, settled", .transfer(id: 0, isSettled: true, isAborted: true)),
        Form("plain", .transfer(id: 0)),
        Form("plain, without a tag", .transfer(id: 0, tag: nil)),
        Form("plain, empty", .transfer(id: 0, [])),
        Form("settled", .transfer(id: 0, isSettled: true)),
        Form("more", .transfer(id: 0, more: true)),
        Form("more, settled", .transfer(id: 0, more: true, isSettled: true)),
        Form("more, then aborted", .transfer(id: 0, more: true), .transfer(id: 0, isAborted: true)),
        Form("more, then the rest", .transfer(id: 0, more: true), .transfer(id: 0)),
        Form("two plain", .transfer(id: 0), .transfer(id: 1, tag: [2])),
        Form("two aborted", .transfer(id: 0, isAborted: true), .transfer(id: 1, tag: [2], isAborted: true)),
        Form("aborted, then a flow", .transfer(id: 0, isAborted: true), .flow(credit: 50)),
        Form("aborted, then a disposition", .transfer(id: 0, isAborted: true), .disposition(.accepted, 0)),
        Form("aborted, then a detach", .transfer(id: 0, isAborted: true), .detach()),
        Form("plain, then an end", .transfer(id: 0), .end()),
        Form("aborted, then a close", .transfer(id: 0, isAborted: true), .close()),
    ]

    /// What this side has on the link.
    enum Own: Sendable, CaseIterable {
        case nothing
        /// A message that was sent, without an outcome.
        case unsettled
        /// Messages that were sent, settled.
        case settled
        /// Messages for which the peer's session has no room.
        case queued
        /// A message that is sent as the peer gives credit, in the packet that has its transfer.
        case sentInTheSamePacket
        /// A message that comes in pieces.
        case streaming
    }

    @Test(arguments: forms, Own.allCases)
    func toAServer(_ form: Form, _ own: Own) throws {
        let raw = RawPeer()
        try raw.open()
        let mode: AMQPValue = own == .settled ? .ubyte(1) : .ubyte(2)
        raw.peer.events.react = { event in
            if case .link(.remoteOpen, let link) = event { link.senderSettleMode = own == .settled ? .settled : .mixed }
            event.answer()
        }
        try raw.send(.attach(receivingFrom: "source", ["snd-settle-mode": mode]))
        try expectRefusal(form, own, raw)
    }

    @Test(arguments: forms, Own.allCases)
    func toAClient(_ form: Form, _ own: Own) throws {
        let raw = RawPeer(isServer: false)
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        if own == .settled { sender.senderSettleMode = .settled }
        sender.open()
        try raw.open(session: false)
        let begin = try #require(raw.frames.first { $0.kind == .begin })
        let attach = try #require(raw.frames.first { $0.kind == .attach })
        try raw.send(.begin(answering: begin), .attach(answering: attach))
        try expectRefusal(form, own, raw)
    }

    private func expectRefusal(_ form: Form, _ own: Own, _ raw: RawPeer) throws {
        let connection = raw.peer.connection
        let sender = try #require(connection.links.first as? Sender)
        var bytes = form.frames.flatMap(\.bytes)
        switch own {
        case .nothing: break
        case .unsettled, .settled:
            try raw.send(.flow(credit: 10))
            try sender.send(Message(body: 1))
            try raw.pump()
        case .queued:
            try raw.send(.flow(credit: 10, ["incoming-window": 0]))
            for number in 0..<3 { try sender.send(Message(body: .value(.int(Int32(number))))) }
            try raw.pump()
        case .sentInTheSamePacket:
            let answer = raw.peer.events.react
            raw.peer.events.react = { event in
                try answer(event)
                if case .link(.flow, let link as Sender) = event, link.credit > 0 { try link.send(Message(body: 1)) }
            }
            bytes = Frame.flow(credit: 10).bytes + bytes
        case .streaming:
            try raw.send(.flow(credit: 10))
            let delivery = try sender.stream()
            _ = try delivery.write([0, 0x53, 0x77])
            try raw.pump()
        }
        try raw.send(bytes)
        #expect(raw.closeCondition?.name == .notAllowed)
        #expect(connection.condition?.name == .notAllowed && connection.transport?.condition?.name == .notAllowed)
        #expect(raw.peer.events.count("delivery") == 0 && raw.peer.events.count("connection.failed") == 1)
        #expect(raw.peer.driver.isInputClosed && raw.peer.driver.isOutputClosed)
        #expect(throws: ProtonError.self) { try sender.send(Message(body: 2)) }
        try raw.pump()
        #expect(raw.peer.driver.isFinished && raw.peer.events.count("transport.error") == 0)
    }

    /// What the peer says of a message that this side sends settled, in several frames, is no transfer of its.
    @Test func aDispositionOfASettledMessage() throws {
        var limits = ConnectionLimits()
        limits.maxFrameSize = 512
        let raw = RawPeer(limits: limits)
        raw.peer.events.react = { event in
            if case .link(.remoteOpen, let link) = event { link.senderSettleMode = .settled }
            event.answer()
        }
        try raw.send(Frame.header + Frame.open("raw", ["max-frame-size": 512]).bytes + Frame.begin().bytes)
        try raw.send(.attach(receivingFrom: "source"), .flow(credit: 10, ["incoming-window": 1]))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        try sender.send(Message(body: .data([UInt8](repeating: 7, count: 2_000))))
        try raw.pump()
        try raw.send(.disposition(.accepted, 0))
        #expect(!raw.isClosed && raw.peer.events.count("delivery") == 0)
        try raw.send(.flow(credit: 10, ["next-incoming-id": 1]))
        #expect(raw.frames.filter { $0.kind == .transfer }.count > 3)
    }
}
