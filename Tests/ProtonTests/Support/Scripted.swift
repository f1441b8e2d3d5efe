// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A handler that notes every callback, and does what a test says.
///
/// Since it has all callbacks, none of the defaults is called: for those there is `Plain`.
final class Scripted: MessagingHandler {
    let name: String
    let journal: Journal
    let options: HandlerOptions
    let handlers: [any ProtonHandler]
    private var scripts: [String: [(any ProtonEvent) throws -> Void]] = [:]

    init(
        _ name: String, _ journal: Journal = Journal(), options: HandlerOptions = HandlerOptions(),
        handlers: [any ProtonHandler] = []
    ) {
        (self.name, self.journal, self.options, self.handlers) = (name, journal, options, handlers)
    }

    /// Has something done in a callback.
    @discardableResult
    func on<Kind: ProtonEvent>(_ callback: String, _ body: @escaping (Kind) throws -> Void) -> Self {
        scripts[callback, default: []].append { event in
            if let event = event as? Kind { try body(event) }
        }
        return self
    }

    /// Forgets what to do, and with it what that keeps: often the handler itself.
    func forget() { scripts = [:] }

    /// Has a callback throw.
    func fails(in callback: String, with error: any Error) {
        scripts[callback, default: []].append { _ in throw error }
    }

    private func note(_ event: any ProtonEvent, _ callback: String = #function) throws {
        let callback = String(callback.prefix { $0 != "(" })
        journal.note("\(name).\(callback)")
        for script in scripts[callback] ?? [] { try script(event) }
    }

    func onReactorInit(_ event: ContainerEvent) throws { try note(event) }
    func onReactorFinal(_ event: ContainerEvent) throws { try note(event) }
    func onStart(_ event: ContainerEvent) throws { try note(event) }
    func onTimerTask(_ event: TimerEvent) throws { try note(event) }
    func onConnectionInit(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionBound(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionUnbound(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionFinal(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionLocalOpen(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionRemoteOpen(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionLocalClose(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionRemoteClose(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionOpening(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionOpened(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionClosing(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionClosed(_ event: ConnectionEvent) throws { try note(event) }
    func onConnectionError(_ event: ConnectionEvent) throws { try note(event) }
    func onSessionInit(_ event: SessionEvent) throws { try note(event) }
    func onSessionLocalOpen(_ event: SessionEvent) throws { try note(event) }
    func onSessionRemoteOpen(_ event: SessionEvent) throws { try note(event) }
    func onSessionLocalClose(_ event: SessionEvent) throws { try note(event) }
    func onSessionRemoteClose(_ event: SessionEvent) throws { try note(event) }
    func onSessionFinal(_ event: SessionEvent) throws { try note(event) }
    func onSessionOpening(_ event: SessionEvent) throws { try note(event) }
    func onSessionOpened(_ event: SessionEvent) throws { try note(event) }
    func onSessionClosing(_ event: SessionEvent) throws { try note(event) }
    func onSessionClosed(_ event: SessionEvent) throws { try note(event) }
    func onSessionError(_ event: SessionEvent) throws { try note(event) }
    func onLinkInit(_ event: LinkEvent) throws { try note(event) }
    func onLinkLocalOpen(_ event: LinkEvent) throws { try note(event) }
    func onLinkRemoteOpen(_ event: LinkEvent) throws { try note(event) }
    func onLinkLocalClose(_ event: LinkEvent) throws { try note(event) }
    func onLinkRemoteClose(_ event: LinkEvent) throws { try note(event) }
    func onLinkLocalDetach(_ event: LinkEvent) throws { try note(event) }
    func onLinkRemoteDetach(_ event: LinkEvent) throws { try note(event) }
    func onLinkFlow(_ event: LinkEvent) throws { try note(event) }
    func onLinkFinal(_ event: LinkEvent) throws { try note(event) }
    func onLinkOpening(_ event: LinkEvent) throws { try note(event) }
    func onLinkOpened(_ event: LinkEvent) throws { try note(event) }
    func onLinkClosing(_ event: LinkEvent) throws { try note(event) }
    func onLinkClosed(_ event: LinkEvent) throws { try note(event) }
    func onLinkError(_ event: LinkEvent) throws { try note(event) }
    func onLinkDetached(_ event: LinkEvent) throws { try note(event) }
    func onDelivery(_ event: DeliveryEvent) throws { try note(event) }
    func onSendable(_ event: SenderEvent) throws { try note(event) }
    func onSenderDrainStart(_ event: SenderEvent) throws { try note(event) }
    func onReceiverDrainFinish(_ event: ReceiverEvent) throws { try note(event) }
    func onDeliveryUpdated(_ event: DeliveryEvent) throws { try note(event) }
    func onAccepted(_ event: DeliveryEvent) throws { try note(event) }
    func onRejected(_ event: DeliveryEvent) throws { try note(event) }
    func onReleased(_ event: DeliveryEvent) throws { try note(event) }
    func onSettled(_ event: DeliveryEvent) throws { try note(event) }
    func onMessage(_ event: MessageEvent) throws { try note(event) }
    func onInvalidMessage(_ event: InvalidMessageEvent) throws { try note(event) }
    func onAborted(_ event: DeliveryEvent) throws { try note(event) }
    func onTransportError(_ event: TransportEvent) throws { try note(event) }
    func onTransportHeadClosed(_ event: TransportEvent) throws { try note(event) }
    func onTransportTailClosed(_ event: TransportEvent) throws { try note(event) }
    func onTransportClosed(_ event: TransportEvent) throws { try note(event) }
    func onReconnectFailed(_ event: TransportEvent) throws { try note(event) }
    func onDisconnected(_ event: TransportEvent) throws { try note(event) }
}

/// What was called, in order.
final class Journal {
    private(set) var lines: [String] = []

    func note(_ line: String) { lines.append(line) }

    func count(_ line: String) -> Int { lines.count { $0 == line } }
}

/// A handler with a start, a way to take messages and nothing else: every other callback is the default.
final class Plain: MessagingHandler {
    private let start: (ContainerEvent) throws -> Void
    private let message: (MessageEvent) throws -> Void

    init(
        start: @escaping (ContainerEvent) throws -> Void = { _ in },
        message: @escaping (MessageEvent) throws -> Void = { _ in }
    ) {
        (self.start, self.message) = (start, message)
    }

    func onStart(_ event: ContainerEvent) throws { try start(event) }
    func onMessage(_ event: MessageEvent) throws { try message(event) }
}
