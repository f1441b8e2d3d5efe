// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// Handlers that talk to each other in memory.
struct ConnectionPairTests {
    private struct Failure: Error {}

    /// Sends words, each when the one before has come back.
    private final class Greeter: MessagingHandler {
        private var words: [String]
        private let server: String
        private(set) var answers: [String] = []
        private(set) var losses: [ProtonError] = []
        private(set) var isClosed = false

        init(_ words: String..., server: String = "amqp://me@nowhere.invalid:1/") {
            (self.words, self.server) = (words, server)
        }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect(server)
            try event.container.createReceiver(connection, "echo")
            try event.container.createSender(connection, "echo")
        }

        func onSendable(_ event: SenderEvent) throws {
            if !words.isEmpty { try event.sender.send(Message(body: words.removeFirst())) }
        }

        func onMessage(_ event: MessageEvent) throws {
            answers.append("\(event.message.body)")
            if words.isEmpty {
                event.connection.close()
            } else {
                // There is a single sender.
                for case let sender as Sender in event.connection.links where sender.credit > 0 {
                    try sender.send(Message(body: words.removeFirst()))
                    return
                }
            }
        }

        func onConnectionClosed(_ event: ConnectionEvent) { isClosed = true }
        func onTransportError(_ event: TransportEvent) { if let error = event.error { losses.append(error) } }
    }

    /// Sends back what comes.
    private final class Echo: MessagingHandler {
        private var sender: Sender?
        private(set) var user: String?
        private(set) var hostname: String?
        private(set) var isLost = false

        func onConnectionOpened(_ event: ConnectionEvent) {
            (user, hostname) = (event.connection.user, event.connection.remoteHostname)
        }

        func onLinkOpened(_ event: LinkEvent) {
            if let sender = event.sender { self.sender = sender }
        }

        func onMessage(_ event: MessageEvent) throws { try sender?.send(event.message) }
        func onDisconnected(_ event: TransportEvent) { isLost = true }
    }

    @Test(arguments: [Int.max, 1, 7])
    func theHandlersOfPrograms(_ step: Int) throws {
        let (client, server) = (Greeter("one", "two", "three"), Echo())
        let pair = try ConnectionPair(client: client, server: server)
        #expect(pair.client.isLocalOpen && pair.byteCount(.toServer) == 0)
        try pair.run(bytesAtATime: step)
        #expect(client.answers == ["one", "two", "three"])
        #expect(client.isClosed && pair.isClosed && pair.client.state == .closed && pair.server.state == .closed)
        #expect(server.hostname == "nowhere.invalid")
        #expect(pair.byteCount(.toServer) > 0 && pair.byteCount(.toClient) > 0)
        // Nothing is left to say.
        try pair.run()
    }

    @Test func whatATestDoesItself() throws {
        let (client, server) = (Quiet(), Echo())
        let pair = try ConnectionPair(client: client, server: server)
        try pair.run()
        let sender = try pair.client.session().makeSender(name: "mine")
        sender.open()
        try pair.run()
        #expect(pair.server.links.map(\.name) == ["mine"])
        pair.client.workQueue.add { $0.close("test:done") }
        try pair.run()
        #expect(server.hostname == "localhost" && pair.isClosed)
    }

    /// Makes nothing of its own.
    private final class Quiet: MessagingHandler {}

    @Test func aConnectionThatBreaksAnywhere() throws {
        var point = 0
        for direction in ConnectionPair.Direction.allCases {
            while true {
                let (client, server) = (Greeter("one", "two"), Echo())
                let pair = try ConnectionPair(client: client, server: server)
                pair.cut(direction, after: point)
                try pair.run()
                #expect(pair.isClosed)
                guard pair.byteCount(direction) == point else { break }
                #expect(!client.isClosed || client.losses.isEmpty)
                point += 13
            }
            #expect(point > 300)
            point = 0
        }
    }

    @Test func aLossThatNobodyTakesCareOf() throws {
        let pair = try ConnectionPair(client: Quiet(), server: Quiet())
        try pair.run()
        pair.cut(.toClient, after: 0)
        let error = #expect(throws: ProtonError.self) { try pair.run() }
        #expect(error?.code == .disconnected, "\(error as Any)")
    }

    /// Throws, or does something else that a pair has to tell of.
    private final class Odd: MessagingHandler {
        private let start: (ContainerEvent) throws -> Void
        private let opened: (ConnectionEvent) throws -> Void

        init(
            start: @escaping (ContainerEvent) throws -> Void = { _ in },
            opened: @escaping (ConnectionEvent) throws -> Void = { _ in }
        ) {
            (self.start, self.opened) = (start, opened)
        }

        func onStart(_ event: ContainerEvent) throws { try start(event) }
        func onConnectionOpened(_ event: ConnectionEvent) throws { try opened(event) }
    }

    @Test func whatCallbacksThrow() throws {
        #expect(throws: Failure.self) {
            try ConnectionPair(client: Odd(start: { _ in throw Failure() }), server: Quiet())
        }
        for isClient in [true, false] {
            let odd = Odd(opened: { _ in throw Failure() })
            let pair = try ConnectionPair(client: isClient ? odd : Quiet(), server: isClient ? Quiet() : odd)
            #expect(throws: Failure.self) { try pair.run() }
        }
    }

    @Test func oneConnectionOnly() throws {
        let twice = Odd(start: { event in for _ in 0..<2 { try event.container.connect("localhost") } })
        #expect(throws: ProtonError.self) { try ConnectionPair(client: twice, server: Quiet()) }
        let later = Odd(opened: { try $0.container.connect("localhost") })
        let pair = try ConnectionPair(client: later, server: Quiet())
        #expect(throws: ProtonError.self) { try pair.run() }
    }

    @Test func timersGoByItsClock() throws {
        var lines: [String] = []
        let client = Odd(opened: { event in
            let (container, connection) = (event.container, event.connection)
            container.schedule(after: .seconds(60)) { lines.append("minute") }
            connection.workQueue.schedule(after: .seconds(90)) { $0.close() }
        })
        let server = Odd(opened: { event in event.container.schedule(after: .seconds(70)) { lines.append("server") } })
        let pair = try ConnectionPair(client: client, server: server)
        try pair.run()
        #expect(lines.isEmpty)
        pair.clock.advance(by: .seconds(70))
        try pair.run()
        #expect(lines == ["minute", "server"] && !pair.isClosed)
        pair.clock.advance(by: .seconds(20))
        try pair.run()
        #expect(pair.isClosed)
    }

    @Test func heartbeatsGoByItsClock() throws {
        let pair = try ConnectionPair(
            client: Quiet(), server: Quiet(), serverOptions: ConnectionOptions(heartbeat: .seconds(10)))
        try pair.run()
        let count = pair.byteCount(.toServer)
        pair.clock.advance(by: .milliseconds(2_499))
        try pair.run()
        #expect(pair.byteCount(.toServer) == count)
        pair.clock.advance(by: .seconds(3_600))
        try pair.run()
        // An empty frame of 8 bytes at a quarter of the time, again and again.
        #expect(pair.byteCount(.toServer) == count + 8 * 1_440)
        #expect(!pair.isClosed)
    }

    @Test func aContainerThatIsStopped() throws {
        let pair = try ConnectionPair(client: Odd(opened: { $0.container.stop() }), server: Quiet())
        try pair.run()
        #expect(pair.isClosed)
    }

    /// Answers whatever comes by asking for more of it.
    private final class Restless: MessagingHandler {
        func onLinkFlow(_ event: LinkEvent) throws { try event.receiver?.flow(1) }
        func onLinkOpening(_ event: LinkEvent) throws { try event.receiver?.flow(1) }
        func onSendable(_ event: SenderEvent) throws { try event.sender.send(Message(body: "again")) }
        func onMessage(_ event: MessageEvent) throws { try event.receiver.flow(1) }
        func onStart(_ event: ContainerEvent) throws {
            try event.container.createSender(event.container.connect("localhost"), "a")
        }
    }

    @Test func twoThatDoNotComeToRest() throws {
        let pair = try ConnectionPair(client: Restless(), server: Restless())
        let error = #expect(throws: ProtonError.self) { try pair.run(rounds: 1_000) }
        #expect(error?.code == .limitExceeded)
    }
}
