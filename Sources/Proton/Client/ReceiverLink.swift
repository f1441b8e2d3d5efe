// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Synchronization

/// A receiving link and its messages, which an `AMQPReceiver` and its deliveries share.
final class ReceiverLink: Sendable {
    let incoming: Incoming
    let link: ClientLink
    let container: ContainerHandle

    init(_ incoming: Incoming, _ link: ClientLink, _ container: ContainerHandle) {
        (self.incoming, self.link, self.container) = (incoming, link, container)
    }

    init(
        _ core: ClientConnection, _ container: ContainerHandle, _ session: ClientSession?, _ address: String?,
        window: Int, _ option: LinkOption
    ) {
        let title = "receiver from \(address ?? "a dynamic node")"
        incoming = Incoming(window: window, title: title)
        link = ClientLink(core, title, incoming, as: .receiver, address) { connection, handler in
            try connection.container.createReceiver(
                session?.session(on: connection) ?? core.session(on: connection), address, isDynamic: address == nil,
                handler: handler, options: option)
        }
        self.container = container
    }

    /// Creates the link on which the peer sends, and which the program has accepted.
    init(_ answer: IncomingLink.Answer, _ container: ContainerHandle, window: Int) {
        incoming = Incoming(window: window, title: answer.title)
        link = ClientLink(answer, incoming)
        self.container = container
    }

    /// Schedules the domain to handle the new settlements and credit.
    func tellDomain(_ isNeeded: Bool) {
        guard isNeeded else { return }
        link.post { [incoming] link in
            if let receiver = link as? Receiver { incoming.pump(receiver) }
        }
    }

    func settle(_ token: Incoming.Token, _ state: DeliveryState) {
        tellDomain(incoming.settle(token, state))
    }

    /// Decodes a message that has arrived; an invalid one is rejected.
    func message(_ arrival: Incoming.Arrival) throws(ProtonError) -> Message {
        do {
            return try arrival.message()
        } catch {
            let condition = Condition(.decodeError, "\(error.error)")
            if let token = arrival.token { settle(token, .rejected(condition)) }
            throw ProtonError(
                .protocolViolation,
                "\(incoming.title): a message that has come is not valid AMQP, and was rejected: \(error.error)",
                condition: condition, underlyingError: error.error)
        }
    }

    /// Takes up to `most` messages, and waits until `least` are pending, or `time` has passed.
    /// - Returns: nil if the task is cancelled or the link was closed here; empty if the time has passed.
    /// - Throws: the error that ended the link.
    func next(most: Int, least: Int, within time: Duration?) async throws -> [Incoming.Arrival]? {
        if !incoming.hasFinished { link.open() }
        // Without a grant, no more than the window arrives.
        let window = incoming.window
        let least = window > 0 ? min(least, window) : least
        let (id, expiry) = (incoming.nextID(), Expiry())
        let timer = try time.map { time in
            try container.schedule(after: time) { [incoming] _ in
                expiry.isOver.store(true, ordering: .releasing)
                incoming.stopWaiting(id)
            }
        }
        defer { timer?.cancel() }
        while !Task.isCancelled {
            // When the time has passed, fewer messages are enough.
            let isOver = expiry.isOver.load(ordering: .acquiring)
            switch incoming.take(most, least: isOver ? 1 : least) {
            case .arrivals(let arrivals, let tells):
                tellDomain(tells)
                return arrivals
            case .invalid(let error): throw error
            case .ended(let error): return try end(error)
            case .nothing where isOver: return []
            // Another task may have taken the messages.
            case .nothing: await incoming.waitForArrivals(least, id: id) { expiry.isOver.load(ordering: .acquiring) }
            }
        }
        incoming.passOn()
        return nil
    }

    /// Whether the time of a wait has passed.
    private final class Expiry: Sendable {
        let isOver = Atomic(false)
    }

    private func end(_ error: ProtonError) throws -> [Incoming.Arrival]? {
        if error.code == .closed { return nil }
        throw error
    }
}
