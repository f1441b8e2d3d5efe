// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

@testable import ProtonEngine

/// A connection over memory that notes its events, and reacts to them as a test says.
final class TestPeer {
    let driver: ConnectionDriver
    let events: EventRecorder

    var connection: Connection { driver.connection }

    init(
        isServer: Bool, limits: ConnectionLimits = ConnectionLimits(), usesSASL: Bool = false,
        credentials: Credentials? = nil
    ) {
        events = EventRecorder()
        let connection = Connection(isIncoming: isServer, limits: limits, eventHandler: events)
        connection.containerID = isServer ? "server" : "client"
        var configuration = TransportConfiguration(isServer: isServer, limits: limits)
        configuration.usesSASL = usesSASL
        configuration.mechanisms = usesSASL && credentials == nil ? "ANONYMOUS" : nil
        if let credentials { configuration.credentials = .fixed(credentials) }
        driver = ConnectionDriver(connection, configuration)
    }

    /// What ended the transport.
    var transportCondition: Condition? { connection.transport?.condition }

    /// The peer is gone: nothing more comes and nothing more can go out.
    func vanish() {
        driver.closeInput()
        driver.closeOutput()
    }
}

/// Notes the names of events as they come.
final class EventRecorder: EventHandler {
    private(set) var names: [String] = []
    /// What else is done about an event.
    var react: (EngineEvent) throws -> Void = { _ in }

    func handle(_ event: EngineEvent) throws {
        names.append(event.name)
        try react(event)
    }

    func count(_ name: String) -> Int { names.count { $0 == name } }

    /// Forgets what came until now.
    func clear() { names = [] }
}

extension EngineEvent {
    /// What the event is called in a test: `link.remoteOpen`, `delivery`, ….
    var name: String {
        switch self {
        case .connection(let change, _): "connection.\(change)"
        case .session(let change, _): "session.\(change)"
        case .link(let change, _): "link.\(change)"
        case .delivery: "delivery"
        case .transport(let change, _): "transport.\(change)"
        }
    }

    /// Does what a polite server does: opens what the peer opens, with its termini, and closes what it closes.
    func answer() {
        switch self {
        case .connection(.remoteOpen, let connection): connection.open()
        case .connection(.remoteClose, let connection): connection.close()
        case .session(.remoteOpen, let session): session.open()
        case .session(.remoteClose, let session): session.close()
        case .link(.remoteOpen, let link) where link.isLocalUninitialized:
            link.source.copy(link.remoteSource)
            link.target.copy(link.remoteTarget)
            link.open()
        case .link(.remoteClose, let link): link.close()
        case .link(.remoteDetach, let link): link.detach()
        default: break
        }
    }
}
