// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// How the states of connections, sessions and links go on, step by step, and at both ends at once.
struct StateTests {
    /// An endpoint's level.
    enum Level: CaseIterable {
        case connection, session, link
    }

    /// A pair whose server answers nothing by itself, and what is open on it at a level.
    private struct Two {
        let pair = EnginePair()
        let client: any Endpoint
        private let level: Level

        init(_ level: Level) throws {
            self.level = level
            pair.server.events.react = { event in
                // What is above the level in question is opened, so that this one can be.
                switch event {
                case .connection(.remoteOpen, let connection) where level != .connection: connection.open()
                case .session(.remoteOpen, let session) where level == .link: session.open()
                default: break
                }
            }
            let connection = pair.client.connection
            guard level != .connection else {
                client = connection
                return
            }
            connection.open()
            let session = try connection.makeSession()
            guard level != .session else {
                client = session
                return
            }
            session.open()
            client = try session.makeSender(name: "link")
        }

        /// The server's end, once the client's opening has come there.
        func server() throws -> any Endpoint {
            switch level {
            case .connection: return pair.server.connection
            case .session:
                guard let session = pair.server.connection.allSessions.first else { throw PairError(what: "none") }
                return session
            case .link:
                guard let link = pair.server.connection.links.first else { throw PairError(what: "none") }
                return link
            }
        }
    }

    @Test(arguments: Level.allCases)
    func oneStepAfterTheOther(_ level: Level) throws {
        let two = try Two(level)
        let (pair, client) = (two.pair, two.client)
        #expect(client.state == EndpointState(local: .uninitialized, remote: .uninitialized))
        client.open()
        #expect(client.state == EndpointState(local: .active, remote: .uninitialized))
        try pair.pump()
        let server = try two.server()
        #expect(client.state == EndpointState(local: .active, remote: .uninitialized))
        #expect(server.state == EndpointState(local: .uninitialized, remote: .active))
        server.open()
        #expect(server.state == .active && client.state == EndpointState(local: .active, remote: .uninitialized))
        try pair.pump()
        #expect(server.state == .active && client.state == .active)
        server.close()
        #expect(server.state == EndpointState(local: .closed, remote: .active) && client.state == .active)
        try pair.pump()
        #expect(server.state == EndpointState(local: .closed, remote: .active))
        #expect(client.state == EndpointState(local: .active, remote: .closed))
        client.close()
        #expect(server.state == EndpointState(local: .closed, remote: .active) && client.state == .closed)
        try pair.pump()
        #expect(server.state == .closed && client.state == .closed)
    }

    @Test(arguments: Level.allCases)
    func bothAtOnce(_ level: Level) throws {
        let two = try Two(level)
        let (pair, client) = (two.pair, two.client)
        client.open()
        // The server's end of a connection is there from the start: they open at once.
        if level == .connection { pair.server.connection.open() }
        try pair.pump()
        let server = try two.server()
        if level != .connection { server.open() }
        try pair.pump()
        #expect(client.state == .active && server.state == .active)
        client.close()
        server.close()
        #expect(
            client.state == EndpointState(local: .closed, remote: .active)
                && server.state == EndpointState(local: .closed, remote: .active))
        try pair.pump()
        #expect(client.state == .closed && server.state == .closed)
    }

    @Test func aLinksNameIsFreeAgainOnceItIsClosed() throws {
        let pair = EnginePair()
        let first = try pair.openSender(credit: 1)
        let session = first.sender.session
        first.sender.close()
        try pair.pump()
        #expect(first.sender.state == .closed && first.receiver.state == .closed)
        let second = try pair.openSender(credit: 2)
        #expect(second.sender !== first.sender && second.sender.session === session)
        #expect(second.sender.state == .active && second.sender.credit == 2 && first.sender.credit == 0)
    }

    @Test func whatIsClosedAfterWhatItIsOnIsClosed() throws {
        for closesConnection in [false, true] {
            let pair = EnginePair()
            let (sender, receiver) = try pair.openSender(credit: 1)
            if closesConnection { pair.client.connection.close() } else { sender.session.close() }
            try pair.pump()
            sender.close()
            sender.session.close()
            try pair.pump()
            #expect(sender.isLocalClosed && sender.session.isLocalClosed)
            #expect(pair.client.events.count("transport.error") == 0)
            #expect(pair.client.connection.state == (closesConnection ? .closed : .active))
            #expect(closesConnection || receiver.state == .closed)
        }
    }

    @Test func theUserIsKept() throws {
        let pair = EnginePair()
        pair.client.connection.user = "vindaloo"
        try pair.open()
        #expect(pair.client.connection.user == "vindaloo")
    }

    @Test func idleTimeoutsAreToldByHalf() throws {
        var limits = (client: ConnectionLimits(), server: ConnectionLimits())
        limits.client.idleTimeout = .seconds(1)
        limits.server.idleTimeout = .seconds(2)
        let pair = EnginePair(clientLimits: limits.client, serverLimits: limits.server)
        try pair.open()
        #expect(pair.server.connection.transport?.remoteIdleTimeout == .milliseconds(500))
        #expect(pair.client.connection.transport?.remoteIdleTimeout == .seconds(1))
    }

    @Test func oneOfTwoTerminiMayBeMissing() throws {
        for hasSource in [true, false] {
            let pair = EnginePair()
            let (sender, receiver) = try pair.openSender { sender in
                sender.source.address = "source"
                if hasSource { sender.target.kind = .unspecified } else { sender.source.kind = .unspecified }
            }
            for (source, target) in [
                (receiver.remoteSource, receiver.remoteTarget), (sender.remoteSource, sender.remoteTarget),
            ] {
                #expect(source.kind == (hasSource ? .source : .unspecified))
                #expect(target.kind == (hasSource ? .unspecified : .target))
                #expect(source.address == (hasSource ? "source" : nil))
                #expect(target.address == (hasSource ? nil : "target"))
            }
        }
    }
}
