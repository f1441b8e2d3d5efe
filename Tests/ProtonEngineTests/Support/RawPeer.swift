// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

@testable import ProtonEngine

/// An engine whose peer is a test that writes bytes, and reads those that the engine answers.
final class RawPeer {
    let peer: TestPeer
    private(set) var answer: [UInt8] = []

    /// - Parameter isServer: whether the engine is a server, and the test its client.
    init(
        isServer: Bool = true, limits: ConnectionLimits = ConnectionLimits(), usesSASL: Bool = false,
        credentials: Credentials? = nil
    ) {
        peer = TestPeer(isServer: isServer, limits: limits, usesSASL: usesSASL, credentials: credentials)
        peer.events.react = { $0.answer() }
        if !isServer { peer.connection.open() }
    }

    /// The frames that the engine has sent.
    var frames: [Frame] { Frame.parse(answer) }

    /// The condition that the engine closed its connection with.
    var closeCondition: Condition? { frames.last { $0.kind == .close }?.condition }

    /// The condition that the engine closed a link with.
    var detachCondition: Condition? { frames.last { $0.kind == .detach }?.condition }

    /// Whether the engine has given the connection up, or ended it well.
    var isClosed: Bool { frames.contains { $0.kind == .close } || peer.driver.isOutputClosed }

    /// Sends bytes, as many at a time as the engine takes, and lets it handle what comes of them.
    /// - Returns: how many it took.
    @discardableResult
    func send(_ bytes: [UInt8]) throws -> Int {
        var rest = bytes[...]
        try pump()
        while !rest.isEmpty {
            let taken = peer.driver.putInput(rest)
            rest = rest.dropFirst(taken)
            try pump()
            if taken == 0 { break }
        }
        return bytes.count - rest.count
    }

    func send(_ frames: Frame...) throws {
        try send(frames.flatMap(\.bytes))
    }

    /// Sends the header and the frames that make an open connection, and a session on channel 0 where one is wanted.
    func open(session: Bool = true) throws {
        try send(Frame.header + Frame.open().bytes + (session ? Frame.begin().bytes : []))
    }

    /// Handles events, and takes what the engine has to say.
    func pump() throws {
        while true {
            let hadEvents = try peer.driver.dispatchEvents()
            let output = peer.driver.takeOutput()
            answer += output
            if output.isEmpty, !hadEvents { return }
        }
    }
}
