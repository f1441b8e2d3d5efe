import AMQP
package import ProtonEngine

/// Two connections without sockets, and the bytes on their way from one to the other.
///
/// It belongs to one thread, as its connections do.
package final class MemoryPipe {
    private let client: ConnectionDriver
    private let server: ConnectionDriver
    private var toServer = Way()
    private var toClient = Way()

    /// One direction.
    private struct Way {
        /// What was sent and has not been taken.
        var underWay: [UInt8] = []
        var count = 0
        var cut: Int?
    }

    package init(client: ConnectionDriver, server: ConnectionDriver) {
        (self.client, self.server) = (client, server)
    }

    /// How many bytes have gone in a direction.
    package func count(_ direction: ConnectionPair.Direction) -> Int {
        direction == .toServer ? toServer.count : toClient.count
    }

    /// Lets the connection break after so many bytes in a direction.
    package func cut(_ direction: ConnectionPair.Direction, after count: Int) {
        if direction == .toServer { toServer.cut = count } else { toClient.cut = count }
    }

    /// Whether both connections have come to their end.
    package var isFinished: Bool { client.isFinished && server.isFinished }

    /// Moves bytes and handles events until neither side has more to say.
    /// - Parameters:
    ///   - step: how many bytes go at a time.
    ///   - rounds: how many times at most each side has its turn.
    ///   - turn: what else is done in each round; returns whether there was something.
    /// - Throws: what handlers throw; `ProtonError.Code.limitExceeded` where the two do not come to rest.
    package func pump(step: Int = .max, rounds: Int = 10_000_000, _ turn: () throws -> Bool = { false }) throws {
        for _ in 0..<rounds {
            var isMoving = try client.dispatchEvents()
            if try server.dispatchEvents() { isMoving = true }
            if move(from: client, to: server, &toServer, step) { isMoving = true }
            if move(from: server, to: client, &toClient, step) { isMoving = true }
            if try turn() { isMoving = true }
            if !isMoving { return }
        }
        throw ProtonError(
            .limitExceeded,
            "The two sides do not come to rest: after \(rounds) rounds they still answer each other.")
    }

    private func move(
        from sender: ConnectionDriver, to receiver: ConnectionDriver, _ way: inout Way, _ step: Int
    ) -> Bool {
        let limit = min(step, way.cut.map { max(0, $0 - way.count) } ?? .max)
        let output = sender.takeOutput(limit: limit)
        way.count += output.count
        way.underWay += output
        let taken = receiver.putInput(way.underWay[...])
        way.underWay.removeFirst(taken)
        if let cut = way.cut, way.count >= cut, !isFinished {
            way.cut = nil
            for driver in [client, server] {
                driver.closeInput()
                driver.closeOutput()
            }
            return true
        }
        if way.underWay.isEmpty, sender.isOutputClosed, !receiver.isInputClosed {
            receiver.closeInput()
            return true
        }
        return !output.isEmpty || taken > 0
    }
}
