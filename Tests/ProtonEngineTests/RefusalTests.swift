// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What a peer is told that passes a limit of this side, and what the program is told.
struct RefusalTests {
    /// A server whose peer has attached a sender, with credit for so many messages.
    private static func server(
        credit: Int, _ set: (inout ConnectionLimits) -> Void = { _ in }
    ) throws -> RawPeer {
        var limits = ConnectionLimits()
        set(&limits)
        let raw = RawPeer(limits: limits)
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event { _ = delivery.arrival() }
        }
        try raw.open()
        try raw.send(.attach())
        if credit > 0 { try raw.receiver.flow(credit) }
        return raw
    }

    /// The kinds of the frames that told a peer of its end, in order.
    private static func ends(_ raw: RawPeer) -> [Frame.Kind] {
        raw.frames.map(\.kind).filter { [.disposition, .detach, .close].contains($0) }
    }

    @Test(arguments: [false, true])
    func aMessageThatIsTooLargeIsRejected(inParts: Bool) throws {
        let raw = try Self.server(credit: 5) { $0.maxMessageSize = 1_000 }
        let link = try raw.receiver
        let half = [UInt8](repeating: 0, count: 600)
        if inParts {
            try raw.send(.transfer(id: 0, more: true, half), .transfer(id: 0, more: true, half))
        } else {
            try raw.send(.transfer(id: 0, half + half))
        }
        #expect(Self.ends(raw) == [.disposition, .detach])
        let disposition = try #require(raw.frames.first { $0.kind == .disposition })
        guard case .outcome(.rejected(let condition)) = disposition.state else {
            Issue.record("The outcome is \(disposition.state as Any).")
            return
        }
        #expect(condition?.name == .messageSizeExceeded && disposition["settled"] == true)
        #expect(raw.detachCondition?.name == .messageSizeExceeded)
        // The program learns of it once, and finds out why.
        #expect(link.condition?.name == .messageSizeExceeded)
        #expect(raw.peer.events.names.filter { $0.hasPrefix("link") }.suffix(2) == ["link.localClose", "link.failed"])
        // What still comes is dropped, and tells nothing new.
        try raw.send(.transfer(id: inParts ? 0 : 1, tag: [2], half), .detach())
        #expect(raw.peer.events.count("link.failed") == 1 && link.state == .closed && !raw.isClosed)
    }

    @Test func whatComesWithoutCreditIsReleased() throws {
        let raw = try Self.server(credit: 0)
        try raw.send(.transfer(id: 0))
        #expect(Self.ends(raw) == [.disposition, .detach])
        #expect(raw.frames.first { $0.kind == .disposition }?.state == .released)
        #expect(raw.detachCondition?.name == .transferLimitExceeded && raw.peer.events.count("link.failed") == 1)
    }

    @Test func whatIsTooMuchInPartsIsReleased() throws {
        let raw = try Self.server(credit: 5) {
            $0.maxMessageSize = 1_000
            $0.maxIncompleteBytes = 1
        }
        try raw.send(.transfer(id: 0, more: true, [UInt8](repeating: 0, count: 900)))
        try raw.send(.attach("second", handle: 1))
        try raw.peer.connection.links.last?.asReceiver.flow(1)
        try raw.send(.transfer(handle: 1, id: 1, more: true, [UInt8](repeating: 0, count: 900)))
        #expect(raw.frames.first { $0.kind == .disposition }?.state == .released)
        #expect(raw.detachCondition?.name == .resourceLimitExceeded && raw.peer.events.count("link.failed") == 1)
        #expect(Self.ends(raw) == [.disposition, .detach])
    }

    @Test func tooManyLinksAreToldToTheProgram() throws {
        let raw = try Self.server(credit: 0) { $0.maxLinks = 1 }
        try raw.send(.attach("second", handle: 1))
        #expect(raw.closeCondition?.name == .resourceLimitExceeded)
        #expect(raw.peer.connection.condition?.name == .resourceLimitExceeded)
        #expect(raw.peer.events.count("connection.failed") == 1)
    }

    /// What the program closes itself is no failure.
    @Test func aCloseOfTheProgramsOwnIsNone() throws {
        let raw = try Self.server(credit: 1)
        try raw.receiver.close(Condition("app:enough"))
        try raw.pump()
        raw.peer.connection.close(Condition("app:enough"))
        try raw.pump()
        #expect(!raw.peer.events.names.contains { $0.hasSuffix("failed") })
    }
}

extension Link {
    fileprivate var asReceiver: Receiver {
        get throws {
            guard let receiver = self as? Receiver else { throw PairError(what: "\(name) is no receiver.") }
            return receiver
        }
    }
}
