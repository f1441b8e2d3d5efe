// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonBroker
import ProtonEngine
import ProtonUtilities

/// The connections and listeners of a `MemoryNetwork`.
///
/// The connections and the broker are used on the thread of the network's loop.
final class MemoryLines: LoopNetwork {
    /// The effect of a simulated fault on connections.
    enum Reachability {
        /// They are established.
        case up
        /// They are refused.
        case down
        /// They are established, but no bytes arrive.
        case unplugged
    }

    private struct Line {
        let pipe: MemoryPipe
        /// The broker's connection; nil if a server in the loop has accepted the connection.
        let broker: Connection?
    }

    private struct State {
        var reachability = Reachability.up
        var broker: InMemoryBroker?
        /// Connections to be made, with their addresses.
        var wanted: [(driver: ConnectionDriver, address: String)] = []
        var lines: [Line] = []
        /// Refused connections, until their last events are handled.
        var refused: [ConnectionDriver] = []
        var listeners: [String: Listener] = [:]
        var lastPort = 49_151
    }

    private let state: UncheckedMutex<State>
    let waiting = MemoryWaiting()

    init(_ broker: InMemoryBroker?) {
        state = UncheckedMutex(State(broker: broker))
    }

    // MARK: Listening

    func listen(_ listener: Listener, in loop: LoopInMemory) throws {
        let address: String = try state.withLock { state in
            var address = listener.requestedAddress
            if address.hasSuffix(":0") {
                state.lastPort += 1
                address = "\(address.dropLast(1))\(state.lastPort)"
            }
            guard state.listeners[address] == nil else {
                throw ProtonError(.listenFailed, "Cannot listen on \(address): somebody does so in memory already.")
            }
            state.listeners[address] = listener
            return address
        }
        listener.startInMemory(address) { [self, weak listener] in
            state.withLock { $0.listeners[address] = nil }
            if let listener { loop.close(listener) }
        }
    }

    // MARK: The loop's thread

    func connect(_ driver: ConnectionDriver, to address: String) {
        state.withLock { $0.wanted.append((driver, address)) }
    }

    /// Changes the reachability; called on the loop's thread.
    func change(to reachability: Reachability) {
        let lines = state.withLock { state in
            state.reachability = reachability
            return state.lines
        }
        for line in lines {
            line.pipe.isHeld = reachability == .unplugged
            if reachability == .down { line.pipe.cut() }
        }
    }

    /// Breaks all connections; called on the loop's thread.
    func cut() {
        for line in state.withLock(\.lines) { line.pipe.cut() }
    }

    func turn(_ loop: LoopInMemory) throws -> Bool {
        waiting.beginTurn()
        var isMoving = try loop.turn()
        for (driver, address) in state.withLock({ exchange(&$0.wanted, with: []) }) {
            try make(driver, address, loop)
            isMoving = true
        }
        let (broker, lines, refused) = state.withLock { ($0.broker, $0.lines, $0.refused) }
        if try broker?.turn() == true { isMoving = true }
        for line in lines where try line.pipe.round() { isMoving = true }
        for driver in refused where try driver.dispatchEvents() { isMoving = true }
        dropFinished()
        guard !isMoving else { return true }
        for line in lines where try line.pipe.passTime(to: loop.now) { isMoving = true }
        return isMoving || !waiting.endRest(loop)
    }

    /// Makes a connection, or refuses it.
    private func make(_ driver: ConnectionDriver, _ address: String, _ loop: LoopInMemory) throws {
        let (reachability, listener, broker) = state.withLock { state in
            (state.reachability, state.listeners[address], state.broker)
        }
        if reachability != .down {
            if let listener {
                if let server = try loop.accept(on: listener) { return join(driver, server, nil, loop) }
            } else if let server = try broker?.accept(wake: loop.wake) {
                return join(driver, server, server.connection, loop)
            }
        }
        state.withLock { $0.refused.append(driver) }
        driver.connection.workQueue.add { $0.abort(Condition("proton:io", "Connection refused - on connect")) }
    }

    private func join(
        _ client: ConnectionDriver, _ server: ConnectionDriver, _ broker: Connection?, _ loop: LoopInMemory
    ) {
        let pipe = MemoryPipe(client: client, server: server, at: loop.now)
        state.withLock { state in
            pipe.isHeld = state.reachability == .unplugged
            state.lines.append(Line(pipe: pipe, broker: broker))
        }
        client.connection.isReachedInMemory = !pipe.isHeld
    }

    private func dropFinished() {
        let (broker, finished) = state.withLock { state in
            let finished = state.lines.filter(\.pipe.isFinished)
            state.lines.removeAll(where: \.pipe.isFinished)
            state.refused.removeAll(where: \.isFinished)
            return (state.broker, finished)
        }
        for line in finished { if let connection = line.broker { broker?.end(connection) } }
    }

    /// Releases everything after the loop has ended; its thread no longer runs.
    func end() {
        let old = state.withLock { state in exchange(&state, with: State(broker: nil)) }
        for line in old.lines { if let connection = line.broker { old.broker?.end(connection) } }
        waiting.end()
    }
}
