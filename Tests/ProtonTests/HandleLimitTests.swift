// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Links that are opened before the peer's begin has said how many handles it takes.
@Suite(.timeLimit(.minutes(1)))
struct HandleLimitTests {
    /// Begins the client's session with a handle-max, and answers what is attached.
    private static func serve(_ peer: ScriptedPeer, handleMax: UInt32, links: [String]) throws {
        try peer.handshake()
        let begin = try peer.expect(.begin)
        // One link needs no leave.
        let first = try peer.expect(.attach, ["name": .string(links[0]), "handle": 0])
        var answer = Frame.begin(answering: begin)
        answer["handle-max"] = .uint(handleMax)
        try peer.send(answer, .attach(answering: first))
        for (handle, name) in links.enumerated().dropFirst() {
            let fields: KeyValuePairs<String, AMQPValue> = ["name": .string(name), "handle": .uint(UInt32(handle))]
            try peer.send(.attach(answering: peer.expect(.attach, fields, skipping: .flow)))
        }
    }

    private static func end(_ peer: ScriptedPeer) throws {
        try peer.expect(.close, skipping: .detach, .end, .flow)
        try peer.send(.close())
    }

    /// A client with links of some names on one session, which closes when it was told of as many openings and errors.
    private static func run(_ address: String, _ names: [String], openings: Int, errors: Int) throws -> [String] {
        let client = Scripted("client")
        defer { client.forget() }
        var told: [String] = []
        func tell(_ what: String, _ link: Link) {
            told.append("\(what) \(link.name)")
            if told.count == openings + errors { link.connection.close() }
        }
        client.on("onStart") { (event: ContainerEvent) in
            let connection = try event.container.connect(address)
            for name in names {
                let link = try event.container.createReceiver(connection, "q", name: name)
                #expect(link.isLocalOpen)
            }
        }
        client.on("onLinkOpened") { (event: LinkEvent) in tell("opened", event.link) }
        client.on("onLinkError") { (event: LinkEvent) in
            #expect(event.link.condition?.name == .resourceLimitExceeded && event.link.isLocalClosed)
            tell("refused", event.link)
        }
        try Container(client, options: .quick).run()
        return told
    }

    @Test func linksBeyondThePeersHandlesAreRefusedHere() async throws {
        let told = try await withScriptedServer { server in
            let peer = try server.accept()
            try Self.serve(peer, handleMax: 1, links: ["a", "b"])
            try Self.end(peer)
        } client: { address in
            try Self.run(address, ["a", "b", "c", "d"], openings: 2, errors: 2)
        }
        #expect(told.sorted() == ["opened a", "opened b", "refused c", "refused d"])
    }

    @Test func anotherPeerMayHaveFewerHandles() async throws {
        let told = try await withScriptedServer { server in
            let peer = try server.accept()
            try Self.serve(peer, handleMax: 7, links: ["a", "b"])
            peer.close()
            let next = try server.accept()
            try Self.serve(next, handleMax: 0, links: ["a"])
            try Self.end(next)
        } client: { address in
            try Self.run(address, ["a", "b"], openings: 3, errors: 1)
        }
        #expect(told.prefix(2).sorted() == ["opened a", "opened b"])
        #expect(told.dropFirst(2).sorted() == ["opened a", "refused b"])
    }

    @Test func aLinkThatIsClosedWhileItWaitsIsAttachedAndDetached() async throws {
        try await withScriptedServer { server in
            let peer = try server.accept()
            try Self.serve(peer, handleMax: 7, links: ["a"])
            try peer.send(.attach(answering: peer.expect(.attach, ["name": "b"], skipping: .flow)))
            try peer.expect(.detach, ["handle": 1], skipping: .flow)
            var answer = Frame.detach()
            answer["handle"] = 1
            try peer.send(answer)
            try Self.end(peer)
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                let connection = try event.container.connect(address)
                try event.container.createReceiver(connection, "q", name: "a")
                try event.container.createReceiver(connection, "q", name: "b").close()
            }
            client.on("onLinkClosed") { (event: LinkEvent) in event.connection.close() }
            try Container(client, options: .quick).run()
            #expect(client.journal.count("client.onLinkClosed") == 1)
        }
    }
}
