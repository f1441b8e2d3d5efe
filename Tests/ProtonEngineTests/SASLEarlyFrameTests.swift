// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What comes before SASL is done, or behind its end in the same bytes: none of it reaches proton unseen.
struct SASLEarlyFrameTests {
    /// Frames that end a process whose proton 0.37 reads them: handles that it takes for negative ones.
    private static var crash: [UInt8] {
        let links: [Frame] =
            [
                .attach(sendingTo: "q", name: "x", handle: 0x8000_0000),
                .attach(sendingTo: "q", name: "x", handle: 0x8000_0001),
                .detach(handle: 0x8000_0001),
            ]
            + (0..<6).flatMap { number -> [Frame] in
                [.attach(sendingTo: "q", name: "y\(number)", handle: 0xffff_fffe), .detach(handle: 0x8000_0000)]
            }
        return ([.open(), .begin()] + links).flatMap(\.bytes)
    }

    private static let login = Frame.saslHeader.bytes + Frame.saslInit("ANONYMOUS").bytes

    private static func expectRefusal(_ raw: RawPeer, _ comment: Comment, _ location: SourceLocation = #_sourceLocation)
        throws
    {
        try raw.pump()
        #expect(raw.isClosed, comment, sourceLocation: location)
        #expect(raw.peer.events.count("connection.remoteOpen") == 0, comment, sourceLocation: location)
        #expect(raw.peer.connection.links.isEmpty, comment, sourceLocation: location)
    }

    // MARK: Servers

    @Test func aFrameOfAMQPInsideOfSASL() throws {
        let frames: [Frame] = [.open(), .begin(), .attach(), .detach(handle: 0), Frame(.close), Frame(.end)]
        for frame in frames {
            let raw = RawPeer(usesSASL: true)
            try raw.send(Frame.saslHeader.bytes + frame.bytes)
            try Self.expectRefusal(raw, "\(frame)")
            #expect(raw.peer.transportCondition == Connection.earlyFrame, "\(frame)")
        }
    }

    @Test(arguments: [false, true])
    func crashingFramesInsideOfSASL(withHeader: Bool) throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Frame.saslHeader.bytes + (withHeader ? Frame.open().bytes + Frame.header : []) + Self.crash)
        try Self.expectRefusal(raw, "inside of SASL")
    }

    /// What comes in the same bytes as the log-in passes the layer of frames like what comes after it.
    @Test func crashingFramesBehindALogIn() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Self.login + Frame.header + Self.crash)
        #expect(raw.frames.contains { $0.kind == .saslOutcome && $0["code"] == .ubyte(0) })
        #expect(raw.closeCondition?.name == .framingError && raw.peer.connection.links.isEmpty)
    }

    @Test func legalFramesBehindALogIn() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Self.login + Frame.header + Frame.open().bytes + Frame.begin().bytes)
        #expect(raw.frames.contains { $0.kind == .begin } && !raw.isClosed)
    }

    @Test(arguments: ["PLAIN", "NONE"] as [Symbol])
    func crashingFramesBehindAFailedLogIn(_ mechanism: Symbol) throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Frame.saslHeader.bytes + Frame.saslInit(mechanism).bytes + Frame.header + Self.crash)
        try Self.expectRefusal(raw, "behind a failed log-in")
    }

    @Test func framesOfSASLAfterIt() throws {
        let raw = RawPeer(usesSASL: true)
        try raw.send(Self.login)
        try raw.send(Frame.header + Frame.open().bytes + Frame.saslInit("ANONYMOUS").bytes)
        #expect(raw.closeCondition?.name == .framingError)
    }

    /// Every way to split the bytes gives the same end.
    @Test func theWayThatBytesAreSplitMakesNoDifference() throws {
        let bytes = Self.login + Frame.header + Self.crash
        for cut in stride(from: 1, to: bytes.count, by: 3) {
            let raw = RawPeer(usesSASL: true)
            try raw.send(Array(bytes[..<cut]))
            try raw.send(Array(bytes[cut...]))
            #expect(raw.isClosed && raw.peer.connection.links.isEmpty, "cut at \(cut)")
        }
    }

    // MARK: Clients

    private static let mechanisms = Frame(.saslMechanisms, ["sasl-server-mechanisms": "ANONYMOUS"])

    @Test(arguments: [false, true])
    func aServersFrameOfAMQPInsideOfSASL(afterMechanisms: Bool) throws {
        let raw = RawPeer(isServer: false, usesSASL: true)
        try raw.send(Frame.saslHeader.bytes + (afterMechanisms ? Self.mechanisms.bytes : []) + Self.crash)
        try Self.expectRefusal(raw, "inside of SASL")
    }

    @Test(arguments: [0, 1, 4] as [UInt8])
    func aServersCrashingFramesBehindTheOutcome(_ outcome: UInt8) throws {
        for mechanisms in [Self.mechanisms.bytes, []] {
            let raw = RawPeer(isServer: false, usesSASL: true)
            try raw.send(
                Frame.saslHeader.bytes + mechanisms + Frame.saslOutcome(outcome).bytes + Frame.header + Self.crash)
            try raw.pump()
            #expect(raw.isClosed && raw.peer.connection.links.isEmpty, "\(outcome), \(mechanisms.count)")
        }
    }
}

/// Responses that would fill proton's memory for output.
struct SASLResponseSizeTests {
    /// A server whose mechanisms and outcome come in one go: proton is to write AMQP's header behind a long log-in.
    @Test(arguments: [6_001, 8_150, 8_160, 8_170, 8_180, 8_190, 20_000])
    func aLongPasswordIsRefused(_ size: Int) throws {
        let password = String(repeating: "p", count: size)
        let raw = RawPeer(
            isServer: false, usesSASL: true, credentials: .password(user: "u", password: password))
        let mechanisms = Frame(.saslMechanisms, ["sasl-server-mechanisms": "PLAIN"])
        try raw.send(.saslHeader, mechanisms, .saslOutcome(0), .amqpHeader, .open())
        try raw.pump()
        #expect(raw.isClosed && !raw.frames.contains { $0.kind == .saslInit })
    }
}
