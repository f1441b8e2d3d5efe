// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Testing

/// Connections and sessions: opening, closing, and what the two sides tell each other.
struct OpeningTests {
    @Test(arguments: [1, 3, .max], [false, true])
    func opensAndCloses(step: Int, usesSASL: Bool) throws {
        let pair = EnginePair(usesSASL: usesSASL)
        #expect(pair.client.connection.state == EndpointState(local: .uninitialized, remote: .uninitialized))
        pair.client.connection.open()
        try pair.pump(step: step)
        #expect(pair.client.connection.state == .active)
        #expect(pair.server.connection.state == .active)
        pair.client.connection.close()
        try pair.pump(step: step)
        #expect(pair.client.connection.state == .closed)
        #expect(pair.server.connection.state == .closed)
        #expect(pair.client.driver.isFinished && pair.server.driver.isFinished)
        for peer in [pair.client, pair.server] {
            #expect(peer.events.count("connection.remoteOpen") == 1)
            #expect(peer.events.count("connection.remoteClose") == 1)
            #expect(peer.events.count("transport.closed") == 1)
            #expect(peer.events.count("transport.error") == 0)
            #expect(peer.events.names.last { $0.hasPrefix("transport") } == "transport.closed")
        }
    }

    @Test func tellsThePeerWhoItIs() throws {
        let pair = EnginePair()
        let client = pair.client.connection
        client.hostname = "broker.example"
        client.offeredCapabilities = ["a", "b"]
        client.desiredCapabilities = ["ANONYMOUS-RELAY"]
        client.properties = ["product": "swift", "list": [1, .uint(2), "three"], "nested": ["k": .symbol("v")]]
        try pair.open()
        let server = pair.server.connection
        #expect(server.remoteContainerID == "client" && client.remoteContainerID == "server")
        #expect(server.remoteHostname == "broker.example" && client.remoteHostname == nil)
        #expect(server.remoteOfferedCapabilities == ["a", "b"])
        #expect(server.remoteDesiredCapabilities == ["ANONYMOUS-RELAY"])
        #expect(client.remoteOfferedCapabilities.isEmpty && client.remoteProperties.isEmpty)
        #expect(server.remoteProperties == client.properties)
        #expect(client.containerID == "client" && client.hostname == "broker.example")
        #expect(client.offeredCapabilities == ["a", "b"] && client.desiredCapabilities == ["ANONYMOUS-RELAY"])
    }

    @Test func clearsWhatItWouldHaveSaid() throws {
        let pair = EnginePair()
        pair.client.connection.offeredCapabilities = ["a"]
        pair.client.connection.offeredCapabilities = []
        pair.client.connection.properties = ["a": 1]
        pair.client.connection.properties = [:]
        try pair.open()
        #expect(pair.server.connection.remoteOfferedCapabilities.isEmpty)
        #expect(pair.server.connection.remoteProperties.isEmpty)
    }

    static let conditions: [Condition] = [
        "amqp:connection:forced",
        Condition(.internalError, "it broke"),
        Condition(.notAllowed, "no: \"\u{e9}\u{1F600}\"", info: ["retry": 5, "why": ["a", .null]]),
    ]

    @Test(arguments: conditions)
    func closesWithACondition(_ condition: Condition) throws {
        let pair = EnginePair()
        try pair.open()
        pair.client.connection.close(condition)
        #expect(pair.client.connection.condition == condition)
        try pair.pump()
        #expect(pair.server.connection.remoteCondition == condition)
        #expect(pair.client.connection.remoteCondition == nil && pair.server.connection.condition == nil)
    }

    @Test func closingTwiceSaysItOnce() throws {
        let pair = EnginePair()
        try pair.open()
        pair.client.connection.close("a:first")
        pair.client.connection.close("a:second")
        try pair.pump()
        #expect(pair.server.connection.remoteCondition == "a:first")
    }

    @Test func saslIsAnonymous() throws {
        let pair = EnginePair(usesSASL: true)
        try pair.open()
        #expect(pair.server.connection.user == "anonymous")
        #expect(pair.server.connection.transport?.isAuthenticated == true)
        #expect(pair.server.connection.transport?.isEncrypted == false)
    }

    @Test func sessionsOpenAndEnd() throws {
        let pair = EnginePair()
        pair.client.connection.open()
        let first = try pair.client.connection.makeSession()
        let second = try pair.client.connection.makeSession()
        first.open()
        second.open()
        try pair.pump()
        #expect(first.state == .active && second.state == .active)
        #expect(pair.server.events.count("session.remoteOpen") == 2)
        first.close(Condition(.windowViolation, "too much"))
        try pair.pump()
        #expect(first.state == .closed && second.state == .active)
        #expect(pair.client.events.count("session.final") == 1 && pair.server.events.count("session.final") == 1)
    }

    @Test func anEndsConditionIsToldThePeer() throws {
        let pair = EnginePair()
        var told: Condition?
        pair.server.events.react = { event in
            if case .session(.remoteClose, let session) = event { told = session.remoteCondition }
            event.answer()
        }
        pair.client.connection.open()
        let session = try pair.client.connection.session()
        try pair.pump()
        let condition = Condition(.errantLink, "which?", info: ["handle": .uint(7)])
        session.close(condition)
        #expect(session.condition == condition)
        try pair.pump()
        #expect(told == condition)
    }

    @Test func theDefaultSessionIsMadeOnceAndAgainAfterItsEnd() throws {
        let pair = EnginePair()
        pair.client.connection.open()
        let session = try pair.client.connection.session()
        #expect(try pair.client.connection.session() === session)
        try pair.pump()
        session.close()
        try pair.pump()
        let next = try pair.client.connection.session()
        #expect(next !== session)
        try pair.pump()
        #expect(next.state == .active)
    }

    @Test func nothingIsMadeOnWhatIsOver() throws {
        let pair = EnginePair()
        pair.client.connection.open()
        let session = try pair.client.connection.session()
        try pair.pump()
        session.close()
        try pair.pump()
        #expect(throws: ProtonError.self) { try session.makeSender(name: "a") }
        #expect(throws: ProtonError.self) { try session.makeReceiver(name: "a") }
    }

    @Test func anErrorOfAHandlerComesOut() throws {
        let pair = EnginePair()
        pair.server.events.react = { event in
            if case .connection(.remoteOpen, _) = event { throw PairError(what: "no") }
        }
        #expect(throws: PairError.self) { try pair.open() }
    }

    @Test func statesHaveNames() {
        #expect(EndpointState.active.description == "local active, remote active")
        #expect(EndpointState.closed.description == "local closed, remote closed")
    }
}
