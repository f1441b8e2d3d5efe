// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import ProtonUtilities
import Synchronization
import Testing

/// A client that a test writes as closures, over a real connection; it ends at `finish`, or fails after 20 seconds.
final class Script: MessagingHandler {
    /// What failed where a script did not come to its end.
    struct TimedOut: Error {}

    let options: HandlerOptions
    var start: ((Container, Connection) throws -> Void)?
    var connected: (() throws -> Void)?
    var sendable: ((Sender) throws -> Void)?
    var message: ((MessageEvent) throws -> Void)?
    /// The outcome of a message that was sent.
    var outcome: ((Delivery, Outcome?) throws -> Void)?
    /// The peer has settled a message.
    var settled: ((Delivery) throws -> Void)?
    var linkOpened: ((Link) throws -> Void)?
    var linkError: ((Link, Condition?) throws -> Void)?
    var linkClosed: ((Link) throws -> Void)?
    var linkDetached: ((Link) throws -> Void)?
    var flow: ((Link) throws -> Void)?

    private let address: String
    private var connection: Connection?
    private var deadline: TimerTask?

    convenience init(_ broker: Broker, prefetch: Int = 0, autoAccepts: Bool = false) {
        self.init(broker.address, prefetch: prefetch, autoAccepts: autoAccepts)
    }

    init(_ address: String, prefetch: Int = 0, autoAccepts: Bool = false) {
        self.address = address
        options = HandlerOptions(prefetch: prefetch, autoAccepts: autoAccepts)
    }

    /// Runs to the end.
    func run(containerID: String? = nil, _ start: @escaping (Container, Connection) throws -> Void) throws {
        self.start = start
        // What a script does mostly keeps the script.
        defer {
            (self.start, connected, sendable, message, outcome, settled) = (nil, nil, nil, nil, nil, nil)
            (linkOpened, linkError, linkClosed, linkDetached, flow, connection) = (nil, nil, nil, nil, nil, nil)
        }
        try Container(self, id: containerID, options: ConnectionOptions(reconnect: nil)).run()
    }

    /// Closes the connection, after what was done.
    func finish() {
        deadline?.cancel()
        connection?.close()
    }

    func onStart(_ event: ContainerEvent) throws {
        deadline = event.container.schedule(after: .seconds(20)) { throw TimedOut() }
        let connection = try event.container.connect(address)
        self.connection = connection
        try start?(event.container, connection)
    }

    func onConnectionOpened(_ event: ConnectionEvent) throws { try connected?() }
    func onConnectionClosing(_ event: ConnectionEvent) { deadline?.cancel() }
    func onSendable(_ event: SenderEvent) throws { try sendable?(event.sender) }
    func onMessage(_ event: MessageEvent) throws { try message?(event) }
    func onAccepted(_ event: DeliveryEvent) throws { try outcome?(event.delivery, .accepted) }
    func onRejected(_ event: DeliveryEvent) throws { try outcome?(event.delivery, event.delivery.remoteState?.outcome) }
    func onReleased(_ event: DeliveryEvent) throws { try outcome?(event.delivery, event.delivery.remoteState?.outcome) }
    func onSettled(_ event: DeliveryEvent) throws { try settled?(event.delivery) }
    func onLinkOpened(_ event: LinkEvent) throws { try linkOpened?(event.link) }
    func onLinkClosed(_ event: LinkEvent) throws { try linkClosed?(event.link) }
    func onLinkDetached(_ event: LinkEvent) throws { try linkDetached?(event.link) }
    func onLinkFlow(_ event: LinkEvent) throws { try flow?(event.link) }

    func onLinkError(_ event: LinkEvent) throws {
        guard let linkError else { throw ProtonError(.linkError, "\(event.link.remoteCondition as Any)") }
        try linkError(event.link, event.link.remoteCondition)
    }
}

extension Broker {
    /// Sends messages, and waits until the broker has accepted each.
    func send(_ messages: [Message], to address: String) throws {
        let script = Script(self)
        var rest = messages[...]
        var accepted = 0
        script.sendable = { sender in
            while sender.credit > 0, let message = rest.popFirst() { try sender.send(message) }
        }
        script.outcome = { _, outcome in
            guard outcome == .accepted else { throw ProtonError(.linkError, "not accepted: \(outcome as Any)") }
            accepted += 1
            if accepted == messages.count { script.finish() }
        }
        try script.run { try $0.createSender($1, address) }
    }

    func send(_ texts: String..., to address: String) throws {
        try send(texts.map { Message(body: $0) }, to: address)
    }

    /// Receives and accepts this many messages.
    ///
    /// Asks for all of them at once, or has `prefetch` on the way.
    func receive(_ count: Int, from address: String, prefetch: Int = 0) throws -> [Message] {
        let script = Script(self, prefetch: prefetch, autoAccepts: true)
        var messages: [Message] = []
        script.message = { event in
            messages.append(event.message)
            if messages.count == count { script.finish() }
        }
        try script.run {
            let receiver = try $0.createReceiver($1, address)
            if prefetch == 0 { try receiver.flow(count) }
        }
        return messages
    }

    /// The texts of what waits at an address, which is then gone; asks with a drain, so that nothing is waited for.
    func takeAll(from address: String) throws -> [String] {
        let script = Script(self, autoAccepts: true)
        var texts: [String] = []
        script.message = { texts.append($0.message.text) }
        script.flow = { link in if let receiver = link as? Receiver, !receiver.isDraining { script.finish() } }
        try script.run { try $0.createReceiver($1, address).drain(1_000) }
        return texts
    }
}

extension Message {
    /// The body, as a text.
    var text: String { "\(body)" }
}

/// Runs several bodies at the same time, each on a thread of its own since it blocks.
/// - Throws: the first error.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let failure = Mutex<(any Error)?>(nil)
    let threads = (0..<count).compactMap { index in
        Thread.start {
            do { try body(index) } catch { failure.withLock { $0 = $0 ?? error } }
        }
    }
    for thread in threads { thread.join() }
    #expect(threads.count == count)
    if let failure = failure.withLock({ $0 }) { throw failure }
}
