// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

@testable import Proton

/// A peer for the tests of blocking calls: a container that listens, on a thread of its own.
final class BlockingServer: Sendable {
    private enum Life {
        case starting
        case listening(port: Int)
        case ended
    }

    private let life = Monitor(Life.starting)
    private let injector = EventInjector()

    /// Starts a server, and waits until it listens.
    /// - Parameter make: makes what serves its peers, on its thread.
    init(
        port: Int = 0, options: ConnectionOptions = .once, tls: TLSServerOptions? = nil,
        _ make: @escaping @Sendable () -> any ProtonHandler
    ) throws {
        let thread = Thread.start { [life, injector] in
            let root = Root(port, tls, injector) { port in life.withLock { $0 = .listening(port: port) } }
            try? Container(root, make(), options: options).run()
            life.withLock { $0 = .ended }
        }
        guard let thread else { throw TestError("No thread can be started.") }
        thread.detach()
        let isUp = life.wait(until: Deadline(after: .seconds(10))) { life -> Bool? in
            switch life {
            case .starting: nil
            case .listening: true
            case .ended: false
            }
        }
        guard isUp == true else { throw TestError("The server does not listen.") }
    }

    var port: Int {
        life.withLock { life in
            if case .listening(let port) = life { port } else { 0 }
        }
    }

    var url: String { "127.0.0.1:\(port)" }

    /// Closes its connections, and waits until it has ended.
    func stop() throws { try end(by: "stop") }

    /// Drops its connections without a word, and waits until it has ended.
    func vanish() throws { try end(by: "vanish") }

    private func end(by event: String) throws {
        injector.trigger(ApplicationEvent(event))
        let hasEnded = life.wait(until: Deadline(after: .seconds(10))) { life -> Bool? in
            if case .ended = life { true } else { nil }
        }
        guard hasEnded == true else { throw TestError("The server does not end.") }
    }

    /// Listens, and does as it is told from other threads.
    private final class Root: ProtonHandler {
        private let port: Int
        private let tls: TLSServerOptions?
        private let injector: EventInjector
        private let isListening: (Int) -> Void

        init(
            _ port: Int, _ tls: TLSServerOptions?, _ injector: EventInjector, _ isListening: @escaping (Int) -> Void
        ) {
            (self.port, self.tls, self.injector, self.isListening) = (port, tls, injector, isListening)
        }

        func onReactorInit(_ event: ContainerEvent) throws {
            try event.container.selectable(injector)
            let url = "\(tls == nil ? "amqp" : "amqps")://127.0.0.1:\(port)"
            isListening(try event.container.listen(url, tls: tls).port ?? 0)
        }

        func onApplicationEvent(_ event: ApplicationEvent) throws {
            if event.name == "vanish" { throw TestError("gone") }
            event.container.stop()
        }
    }
}

/// Sends what comes back to where its `replyTo` says, over the dynamic node that was made for it.
final class EchoServer: MessagingHandler {
    private let log: SharedLog
    private var senders: [String: Sender] = [:]

    init(_ log: SharedLog = SharedLog()) { self.log = log }

    func onConnectionOpening(_ event: ConnectionEvent) {
        let connection = event.connection
        log.note("\(connection.remoteProperties)")
        log.note("\(connection.remoteOfferedCapabilities.map(\.name))")
        log.note("\(connection.remoteDesiredCapabilities.map(\.name))")
    }

    func onLinkOpening(_ event: LinkEvent) {
        guard let sender = event.sender, sender.remoteSource.isDynamic else { return }
        let address = AMQPUUID.random().description
        sender.source.address = address
        senders[address] = sender
    }

    func onMessage(_ event: MessageEvent) throws {
        let request = event.message
        guard let address = request.replyTo, let sender = senders[address] else { return }
        try sender.send(Message(body: request.body, address: address, correlationID: request.correlationID))
    }

    func onTransportError(_ event: TransportEvent) {}
}

/// Opens connections and sessions, and leaves links unanswered.
final class DeafToLinks: ProtonHandler {
    func onConnectionRemoteOpen(_ event: ConnectionEvent) { event.connection.open() }
    func onSessionRemoteOpen(_ event: SessionEvent) { event.session.open() }
    func onConnectionRemoteClose(_ event: ConnectionEvent) { event.connection.close() }
}
