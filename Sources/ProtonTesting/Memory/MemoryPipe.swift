// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ProtonEngine
import ProtonUtilities

/// Two connections without sockets, and the bytes in transit between them.
///
/// Use it on one thread only, as its connections.
package final class MemoryPipe {
    private let client: ConnectionDriver
    private let server: ConnectionDriver
    private var toServer = Way()
    private var toClient = Way()
    private var isUnplugged = false
    /// Whether the bytes in transit are held back.
    var isHeld = false
    private var time: Time

    /// The time of both engines, which has its own epoch, and the clock's time at the last update.
    private struct Time {
        var engines: Int64 = 1
        var clock: ContinuousClock.Instant
    }

    /// One direction.
    private struct Way {
        /// The bytes that were sent and have not yet arrived.
        var underWay: [UInt8] = []
        var count = 0
        var cut: Int?
    }

    package init(client: ConnectionDriver, server: ConnectionDriver, at now: ContinuousClock.Instant = .now) {
        (self.client, self.server) = (client, server)
        time = Time(clock: now)
    }

    /// The number of bytes transferred in a direction.
    package func count(_ direction: ConnectionPair.Direction) -> Int {
        direction == .toServer ? toServer.count : toClient.count
    }

    /// Makes the connection break after a number of bytes in a direction.
    package func cut(_ direction: ConnectionPair.Direction, after count: Int) {
        if direction == .toServer { toServer.cut = count } else { toClient.cut = count }
    }

    /// Discards the bytes in transit, and all that both sides send from now on; neither side receives an event.
    func unplug() {
        isUnplugged = true
        (toServer.underWay, toClient.underWay) = ([], [])
    }

    /// Breaks the connection now: both sides receive the event that their transport is closed.
    func cut() {
        for driver in [client, server] {
            driver.closeInput()
            driver.closeOutput()
        }
    }

    /// Closes the server's transport only; the client receives no event.
    func dropServer() throws {
        server.closeInput()
        server.closeOutput()
        try server.dispatchEvents()
    }

    /// Whether both connections have ended and all of their events are handled.
    package var isFinished: Bool { client.isFinished && server.isFinished }

    /// Transfers bytes and handles events until neither side has output left.
    /// - Parameters:
    ///   - step: the maximum number of bytes per transfer.
    ///   - rounds: the maximum number of rounds.
    /// - Throws: any error that a handler throws; `ProtonError.Code.limitExceeded` if there is output after all rounds.
    package func pump(step: Int = .max, rounds: Int = 10_000_000) throws {
        var rounds = rounds
        try MemoryPipe.untilRest(rounds: &rounds) { try round(step: step) }
    }

    /// Repeats a round until nothing is left to do.
    /// - Parameters:
    ///   - rounds: the maximum number of rounds; reduced by the number that was needed.
    ///   - round: returns whether there was something to do.
    /// - Throws: any error that the round throws; `ProtonError.Code.limitExceeded` if there is still something to do after all
    ///   rounds.
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

    /// Processes each side once.
    /// - Returns: whether there was something to do.
    func round(step: Int = .max) throws -> Bool {
        var isMoving = try client.dispatchEvents()
        if try server.dispatchEvents() { isMoving = true }
        if move(from: client, to: server, &toServer, step) { isMoving = true }
        if move(from: server, to: client, &toClient, step) { isMoving = true }
        return isMoving
    }

    /// Advances the time of both sides, from each heartbeat that is due to the next.
    /// - Returns: whether time has passed since the last call.
    func passTime(to now: ContinuousClock.Instant) throws -> Bool {
        let leap = time.clock.duration(to: now).milliseconds
        // The bytes sent until now count as sent at the time of the last call.
        var next = tick()
        guard leap > 0 else { return false }
        // Whole milliseconds only, because the engines have no fractions.
        time.clock = time.clock.advanced(by: .milliseconds(leap))
        let end = time.engines + min(leap, MemoryPipe.longestLeap)
        // More heartbeats would change nothing: if a side is silent, the other has detected it long before.
        for _ in 0..<10_000 where time.engines < end {
            time.engines = next.map { min(max($0, time.engines + 1), end) } ?? end
            next = tick()
            try pump(rounds: 100_000)
        }
        return true
    }

    /// In milliseconds: a hundred years, which is effectively unlimited.
    private static let longestLeap: Int64 = 100 * 366 * 86_400_000

    /// Updates the time of both engines.
    /// - Returns: the time of the next update; nil if none is needed.
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
        // As with a socket, whose buffer accepts the bytes.
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
