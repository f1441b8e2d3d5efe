// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
import ProtonBroker
import ProtonEngine

/// A program that is a client of a `MemoryBroker`; `start` makes one. Use it on the broker's thread only.
public final class MemoryClient {
    /// The container of the program: a test may use it to connect, create links and schedule timers, as callbacks do.
    public let container: Container

    private struct Line {
        let client: Connection
        let server: Connection
        let pipe: MemoryPipe
    }

    private var lines: [Line] = []

    init(_ container: Container) { self.container = container }

    /// Whether the program has neither a connection nor a timer, so that `Container.run` would return.
    public var hasEnded: Bool { container.isIdleInMemory }

    /// Breaks the program's connections in the next `run`, as if its process were killed: both sides receive the event.
    public func cut() {
        for line in lines { line.pipe.cut(.toServer, after: 0) }
    }

    /// Disconnects the program from the network: all bytes that it and the broker send are lost, and neither receives an event.
    ///
    /// Each side closes the connection when the clock passes its `ConnectionLimits.idleTimeout`, because no heartbeat arrives.
    public func unplug() {
        for line in lines { line.pipe.unplug() }
    }

    /// Makes the connections that the program asked for, and processes the timers and each connection once.
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

    /// Advances the time of the connections, for heartbeats.
    /// - Returns: whether the time of any of them has advanced.
    func passTime(to now: ContinuousClock.Instant) throws -> Bool {
        var hasPassed = false
        for line in lines where try line.pipe.passTime(to: now) { hasPassed = true }
        return hasPassed
    }

    /// Drops all connections: the broker releases their resources, and the program receives no event.
    func end(with broker: InMemoryBroker) {
        container.dropConnectionsInMemory()
        // The broker's handlers throw no errors.
        for line in lines { try? line.pipe.dropServer() }
        for line in lines { end(line, with: broker) }
        lines = []
    }

    private func end(_ line: Line, with broker: InMemoryBroker) {
        container.endInMemory(line.client)
        broker.end(line.server)
    }
}
