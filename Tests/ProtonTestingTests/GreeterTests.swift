// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// The program that is tested: says hello, and again in a minute, until an answer comes.
final class Greeter: MessagingHandler {
    private let server: String
    private var reminder: TimerTask?
    private(set) var answers: [String] = []
    private(set) var refusal: Condition?

    init(_ server: String = "localhost") { self.server = server }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(server)
        try event.container.createReceiver(connection, "greetings")
        try event.container.createSender(connection, "greetings")
    }

    func onSendable(_ event: SenderEvent) throws {
        guard reminder == nil else { return }
        let sender = event.sender
        try sender.send(Message(body: "hello"))
        reminder = event.container.schedule(after: .seconds(60)) { try sender.send(Message(body: "hello again")) }
    }

    func onMessage(_ event: MessageEvent) {
        answers.append("\(event.message.body)")
        reminder?.cancel()
        event.connection.close()
    }

    func onLinkError(_ event: LinkEvent) {
        refusal = event.link.remoteCondition
        event.connection.close()
    }
}

/// The service that it talks to: answers the second time.
final class SlowService: MessagingHandler {
    private var sender: Sender?
    private(set) var words: [String] = []

    func onLinkOpened(_ event: LinkEvent) {
        if let sender = event.sender { self.sender = sender }
    }

    func onMessage(_ event: MessageEvent) throws {
        words.append("\(event.message.body)")
        if words.count == 2 { try sender?.send(Message(body: "good day")) }
    }
}

struct GreeterTests {
    /// Through a broker, which gives the program its own words.
    @Test func throughABroker() async throws {
        try await withBroker { broker in
            let answers = try await onThread { [address = broker.address] in
                let greeter = Greeter(address)
                try Container(greeter).run()
                return greeter.answers
            }
            #expect(answers == ["hello"])
        }
    }

    /// Through a broker in memory, of the same meaning: on this thread, and by a clock that the test turns.
    @Test func throughABrokerInMemory() throws {
        try withBrokerInMemory { broker in
            let greeter = Greeter()
            let program = try broker.start(greeter)
            try broker.run()
            #expect(greeter.answers == ["hello"] && program.hasEnded)
            #expect(broker.status.messages == 0)
        }
    }

    /// With a service in memory, by a clock that the test turns.
    @Test func asksAgainAfterAMinute() throws {
        let (greeter, service) = (Greeter(), SlowService())
        let pair = try ConnectionPair(client: greeter, server: service)
        try pair.run()
        #expect(service.words == ["hello"] && greeter.answers.isEmpty)
        pair.clock.advance(by: .seconds(60))
        try pair.run()
        #expect(service.words == ["hello", "hello again"] && greeter.answers == ["good day"])
        #expect(pair.isClosed)
    }

    /// With a server that does frame by frame what the test says.
    @Test func aServerThatRefusesTheLink() async throws {
        let refusal = try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake()
            try peer.send(.begin(answering: peer.expect(.begin)))
            let attach = try peer.expect(.attach, ["role": true, "source": .source("greetings")])
            try peer.send(.attach(answering: attach), .detach(error: Condition(.notFound, "nobody greets")))
            try peer.expect(.close, skipping: .attach, .flow, .detach)
            try peer.send(.close())
        } client: { address in
            let greeter = Greeter(address)
            try Container(greeter).run()
            return greeter.refusal
        }
        #expect(refusal == Condition(.notFound, "nobody greets"))
    }
}
