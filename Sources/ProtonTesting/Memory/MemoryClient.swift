// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
import ProtonBroker
import ProtonEngine

/// A program that is a client of a `MemoryBroker`, which made this by `start`; it belongs to the broker's thread.
public final class MemoryClient {
    /// The container of the program: a test may connect, make links and schedule with it, as callbacks do.
    public let container: Container

    private struct Line {
        let client: Connection
        let server: Connection
        let pipe: MemoryPipe
    }

    private var lines: [Line] = []

    init(_ container: Container) { self.container = container }

    /// Whether the program is at its end, so that `Container.run` would return: without a connection or a timer.
    public var hasEnded: Bool { container.isIdleInMemory }

    /// Breaks the program's connections in the next `run`, as when its process is killed: both sides are told.
    public func cut() {
        for line in lines { line.pipe.cut(.toServer, after: 0) }
    }

    /// Takes the program off the network: what it and the broker send on its connections is lost, and neither is told.
    ///
    /// Each finds out when the clock passes its `ConnectionLimits.idleTimeout`, for want of heartbeats.
    public func unplug() {
        for line in lines { line.pipe.unplug() }
    }

    /// Connects what wants to be connected, and gives the timers and each connection their turn.
    /// - Returns: whether there was something to do.
    func turn(with broker: InMemoryBroker) throws -> Bool {
        var isMoving = try container.turnInMemory()
        for driver in try container.takeConnectionsInMemory() {
            let server = try broker.accept()
            let pipe = MemoryPipe(client: driver, server: server, at: container.now)
            lines.append(Line(client: driver.connection, server: server.connection, pipe: pipe))
        }
        for line in lines where try line.pipe.round() { isMoving = true }
        for line in lines where line.pipe.isFinished { end(line, with: broker) }
        lines.removeAll { $0.pipe.isFinished }
        return isMoving
    }

    /// Lets the time pass for heartbeats.
    /// - Returns: whether any has passed.
    func passTime(to now: ContinuousClock.Instant) throws -> Bool {
        var hasPassed = false
        for line in lines where try line.pipe.passTime(to: now) { hasPassed = true }
        return hasPassed
    }

    /// Drops all connections; the broker lets go of what they had, and the program is not told.
    func end(with broker: InMemoryBroker) {
        container.dropConnectionsInMemory()
        // The broker's handlers throw nothing.
        for line in lines { try? line.pipe.dropServer() }
        for line in lines { end(line, with: broker) }
        lines = []
    }

    private func end(_ line: Line, with broker: InMemoryBroker) {
        container.endInMemory(line.client)
        broker.end(line.server)
    }
}
