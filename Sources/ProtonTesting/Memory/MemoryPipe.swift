// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ProtonEngine
import ProtonUtilities

/// Two connections without sockets, and the bytes on their way from one to the other.
///
/// It belongs to one thread, as its connections do.
package final class MemoryPipe {
    private let client: ConnectionDriver
    private let server: ConnectionDriver
    private var toServer = Way()
    private var toClient = Way()
    private var isUnplugged = false
    /// Whether what is sent waits on its way, until it goes on.
    var isHeld = false
    private var time: Time

    /// The time of both engines, which counts from somewhere, and the clock's when it was last looked at.
    private struct Time {
        var engines: Int64 = 1
        var clock: ContinuousClock.Instant
    }

    /// One direction.
    private struct Way {
        /// What was sent and has not been taken.
        var underWay: [UInt8] = []
        var count = 0
        var cut: Int?
    }

    package init(client: ConnectionDriver, server: ConnectionDriver, at now: ContinuousClock.Instant = .now) {
        (self.client, self.server) = (client, server)
        time = Time(clock: now)
    }

    /// How many bytes have gone in a direction.
    package func count(_ direction: ConnectionPair.Direction) -> Int {
        direction == .toServer ? toServer.count : toClient.count
    }

    /// Lets the connection break after so many bytes in a direction.
    package func cut(_ direction: ConnectionPair.Direction, after count: Int) {
        if direction == .toServer { toServer.cut = count } else { toClient.cut = count }
    }

    /// Loses what is under way and what both sides send from now on, without a word to them.
    func unplug() {
        isUnplugged = true
        (toServer.underWay, toClient.underWay) = ([], [])
    }

    /// Breaks the connection now: both sides are told that their transport is gone.
    func cut() {
        for driver in [client, server] {
            driver.closeInput()
            driver.closeOutput()
        }
    }

    /// Tells the server that the connection is gone, and the client nothing.
    func dropServer() throws {
        server.closeInput()
        server.closeOutput()
        try server.dispatchEvents()
    }

    /// Whether both connections have come to their end.
    package var isFinished: Bool { client.isFinished && server.isFinished }

    /// Moves bytes and handles events until neither side has more to say.
    /// - Parameters:
    ///   - step: how many bytes go at a time.
    ///   - rounds: how many times at most each side has its turn.
    /// - Throws: what handlers throw; `ProtonError.Code.limitExceeded` where the two do not come to rest.
    package func pump(step: Int = .max, rounds: Int = 10_000_000) throws {
        var rounds = rounds
        try MemoryPipe.untilRest(rounds: &rounds) { try round(step: step) }
    }

    /// Repeats a round of turns until nothing is left to do.
    /// - Parameters:
    ///   - rounds: how many at most; those that were needed are taken off.
    ///   - round: returns whether there was something to do.
    /// - Throws: what the round throws; `ProtonError.Code.limitExceeded` where there is no end to it.
    static func untilRest(rounds: inout Int, _ round: () throws -> Bool) throws {
        let limit = rounds
        while rounds > 0 {
            rounds -= 1
            if try !round() { return }
        }
        throw ProtonError(
            .limitExceeded,
            "The sides do not come to rest: after \(limit) rounds they still answer each other.")
    }

    /// Gives each side its turn once.
    /// - Returns: whether there was something to do.
    func round(step: Int = .max) throws -> Bool {
        var isMoving = try client.dispatchEvents()
        if try server.dispatchEvents() { isMoving = true }
        if move(from: client, to: server, &toServer, step) { isMoving = true }
        if move(from: server, to: client, &toClient, step) { isMoving = true }
        return isMoving
    }

    /// Lets the time pass for the heartbeats of both sides, from each that is due to the next.
    /// - Returns: whether time has passed since the last call.
    func passTime(to now: ContinuousClock.Instant) throws -> Bool {
        let leap = time.clock.duration(to: now).milliseconds
        // What was said until now was said at the time of the last call.
        var next = tick()
        guard leap > 0 else { return false }
        // As far as the engines have gone, who know no parts of a millisecond.
        time.clock = time.clock.advanced(by: .milliseconds(leap))
        let end = time.engines + min(leap, MemoryPipe.longestLeap)
        // More heartbeats than that would change nothing: where a side is silent, the other has seen it long before.
        for _ in 0..<10_000 where time.engines < end {
            time.engines = next.map { min(max($0, time.engines + 1), end) } ?? end
            next = tick()
            try pump(rounds: 100_000)
        }
        return true
    }

    /// In milliseconds: a hundred years, as good as for ever.
    private static let longestLeap: Int64 = 100 * 366 * 86_400_000

    /// Tells both engines the time.
    /// - Returns: when to tell it again; nil where it does not matter.
    private func tick() -> Int64? {
        [client, server].map { $0.tick(time.engines) }.filter { $0 > 0 }.min()
    }

    private func move(
        from sender: ConnectionDriver, to receiver: ConnectionDriver, _ way: inout Way, _ step: Int
    ) -> Bool {
        let limit = min(step, way.cut.map { max(0, $0 - way.count) } ?? .max)
        let output = sender.takeOutput(limit: limit)
        guard !isUnplugged else { return !output.isEmpty }
        way.count += output.count
        way.underWay += output
        // As with a socket, whose buffer takes it.
        guard !isHeld else { return !output.isEmpty }
        let taken = receiver.putInput(way.underWay[...])
        way.underWay.removeFirst(taken)
        if let cut = way.cut, way.count >= cut, !isFinished {
            way.cut = nil
            self.cut()
            return true
        }
        if way.underWay.isEmpty, sender.isOutputClosed, !receiver.isInputClosed {
            receiver.closeInput()
            return true
        }
        return !output.isEmpty || taken > 0
    }
}
