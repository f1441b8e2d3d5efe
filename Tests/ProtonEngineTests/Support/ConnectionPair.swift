import AMQP

@testable import ProtonEngine

/// Two connections that talk to each other over memory, as fast or as slowly as a test wants.
///
/// The server answers whatever the client opens or closes; a test adds to that with `server.events.react`.
final class ConnectionPair {
    let client: TestPeer
    let server: TestPeer
    private var toServer = Wire()
    private var toClient = Wire()

    /// One direction of the connection.
    private struct Wire {
        /// What was sent and has not been taken.
        var underWay: [UInt8] = []
        var count = 0
        var cut: Int?
    }

    enum Direction: CaseIterable {
        case toServer
        case toClient
    }

    init(
        clientLimits: ConnectionLimits = ConnectionLimits(), serverLimits: ConnectionLimits = ConnectionLimits(),
        usesSASL: Bool = false
    ) {
        client = TestPeer(isServer: false, limits: clientLimits, usesSASL: usesSASL)
        server = TestPeer(isServer: true, limits: serverLimits, usesSASL: usesSASL)
        server.events.react = { $0.answer() }
    }

    /// How many bytes have gone in a direction.
    func count(_ direction: Direction) -> Int {
        direction == .toServer ? toServer.count : toClient.count
    }

    /// Lets the connection break after so many bytes in a direction.
    func cut(_ direction: Direction, after count: Int) {
        if direction == .toServer { toServer.cut = count } else { toClient.cut = count }
    }

    /// Moves bytes and handles events until neither side has more to say.
    /// - Parameter step: how many bytes go at a time.
    func pump(step: Int = .max) throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            if try client.driver.dispatchEvents() { isMoving = true }
            if try server.driver.dispatchEvents() { isMoving = true }
            if move(from: client, to: server, &toServer, step) { isMoving = true }
            if move(from: server, to: client, &toClient, step) { isMoving = true }
        }
    }

    private func move(from sender: TestPeer, to receiver: TestPeer, _ wire: inout Wire, _ step: Int) -> Bool {
        let limit = min(step, wire.cut.map { $0 - wire.count } ?? .max)
        let output = sender.driver.takeOutput(limit: limit)
        wire.count += output.count
        wire.underWay += output
        let taken = receiver.driver.putInput(wire.underWay[...])
        wire.underWay.removeFirst(taken)
        if wire.cut == wire.count, !client.driver.isFinished || !server.driver.isFinished {
            wire.cut = nil
            client.vanish()
            server.vanish()
            return true
        }
        if wire.underWay.isEmpty, sender.driver.isOutputClosed, !receiver.driver.isInputClosed {
            receiver.driver.closeInput()
            return true
        }
        return !output.isEmpty || taken > 0
    }

    /// Opens both connections.
    func open() throws {
        client.connection.open()
        try pump()
    }

    /// A sender of the client's, and the server's receiver with credit for it.
    func openSender(
        credit: Int = 0, named name: String = "sender", _ set: (Sender) -> Void = { _ in }
    ) throws -> (sender: Sender, receiver: Receiver) {
        client.connection.open()
        let sender = try client.connection.session().makeSender(name: name)
        sender.target.address = "target"
        set(sender)
        sender.open()
        try pump()
        let receiver: Receiver = try serverLink(name)
        receiver.flow(credit)
        try pump()
        return (sender, receiver)
    }

    /// A receiver of the client's with credit, and the server's sender.
    func openReceiver(
        credit: Int = 0, named name: String = "receiver", _ set: (Receiver) -> Void = { _ in }
    ) throws -> (receiver: Receiver, sender: Sender) {
        client.connection.open()
        let receiver = try client.connection.session().makeReceiver(name: name)
        receiver.source.address = "source"
        set(receiver)
        receiver.open()
        receiver.flow(credit)
        try pump()
        return (receiver, try serverLink(name))
    }

    /// The server's end of a link.
    private func serverLink<Kind: Link>(_ name: String) throws -> Kind {
        guard let link = server.connection.links.first(where: { $0.name == name }) as? Kind else {
            throw PairError(what: "The server has no link \(name).")
        }
        return link
    }
}

/// What a test's own preparations ran into.
struct PairError: Error {
    let what: String
}
