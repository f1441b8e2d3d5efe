// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

@testable import ProtonEngine

/// Two connections of the engine's that talk to each other over memory: a `ConnectionPair` without handlers above.
///
/// The server answers whatever the client opens or closes; a test adds to that with `server.events.react`.
final class EnginePair {
    typealias Direction = ConnectionPair.Direction

    let client: TestPeer
    let server: TestPeer
    private let pipe: MemoryPipe

    init(
        clientLimits: ConnectionLimits = ConnectionLimits(), serverLimits: ConnectionLimits = ConnectionLimits(),
        usesSASL: Bool = false
    ) {
        client = TestPeer(isServer: false, limits: clientLimits, usesSASL: usesSASL)
        server = TestPeer(isServer: true, limits: serverLimits, usesSASL: usesSASL)
        pipe = MemoryPipe(client: client.driver, server: server.driver)
        server.events.react = { $0.answer() }
    }

    /// How many bytes have gone in a direction.
    func count(_ direction: Direction) -> Int { pipe.count(direction) }

    /// Lets the connection break after so many bytes in a direction.
    func cut(_ direction: Direction, after count: Int) { pipe.cut(direction, after: count) }

    /// Moves bytes and handles events until neither side has more to say.
    /// - Parameter step: how many bytes go at a time.
    func pump(step: Int = .max) throws { try pipe.pump(step: step) }

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
        try receiver.flow(credit)
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
        try receiver.flow(credit)
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
