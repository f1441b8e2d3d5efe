// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Dispatch
import ProtonTesting
import Testing

@testable import Proton

/// Peers that break a rule, go on behind a close, or do not read: what the program is told, and that they are gone soon.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ViolatingPeerTests {
    /// How a peer sends a transfer on a link where the other side sends.
    static let transfers: [Frame] = [
        .transfer(0, payload: [], ["aborted": true]), .transfer(0, payload: [0, 0x53, 0x77, 0x40]),
        .transfer(0, payload: [1], ["more": true]),
    ]

    // MARK: Servers

    /// A server that answers the client's sender, and sends on its link.
    private static func violate(_ server: ScriptedServer, with transfer: Frame) throws {
        let peer = try server.accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        try peer.send(.attach(answering: peer.expect(.attach)), .flow(credit: 10))
        try peer.expect(.transfer)
        try peer.send(transfer)
        let close = try peer.expect(.close, skipping: .transfer)
        #expect(close.condition?.name == .notAllowed)
        try peer.expectEnd()
    }

    private static func connect(to address: String, _ event: ContainerEvent, usesSASL: Bool) throws {
        var options = ConnectionOptions.quick
        options.usesSASL = usesSASL
        let connection = try event.container.connect(address, options: options)
        try event.container.createSender(connection, "q")
    }

    @Test(arguments: transfers, [false, true])
    func aServerThatSendsOnOurLink(_ transfer: Frame, usesSASL: Bool) async throws {
        let (lines, condition) = try await withScriptedServer { server in
            try Self.violate(server, with: transfer)
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            var condition: Condition?
            client.on("onStart") { (event: ContainerEvent) in
                try Self.connect(to: address, event, usesSASL: usesSASL)
            }
            client.on("onSendable") { (event: SenderEvent) in try event.sender.send(Message(body: 1)) }
            client.on("onConnectionError") { (event: ConnectionEvent) in condition = event.connection.condition }
            try Container(client).run()
            return (client.journal.lines, condition)
        }
        #expect(condition?.name == .notAllowed)
        for name in ["onConnectionError", "onTransportClosed", "onConnectionOpened"] {
            #expect(lines.count { $0 == "client.\(name)" } == 1, "\(name)")
        }
        for name in ["onTransportError", "onDisconnected", "onAccepted", "onSettled"] {
            #expect(!lines.contains("client.\(name)"), "\(name)")
        }
    }

    @Test(arguments: [false, true])
    func itComesOutOfRunWhereNobodyCares(usesSASL: Bool) async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                try Self.violate(server, with: Self.transfers[0])
            } client: { address in
                let client = Scripted("client")
                defer { client.forget() }
                client.on("onStart") { (event: ContainerEvent) in
                    try Self.connect(to: address, event, usesSASL: usesSASL)
                }
                client.on("onSendable") { (event: SenderEvent) in try event.sender.send(Message(body: 1)) }
                client.on("onConnectionError") { (event: ConnectionEvent) in try event.failUnhandled() }
                try Container(client).run()
            }
        }
        #expect(error?.code == .protocolViolation && error?.condition?.name == .notAllowed)
    }

    /// The peer's idle time-out is what this side would have to wake up for.
    @Test func aServerThatIsHasty() async throws {
        let lines = try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(.open("hasty", ["idle-time-out": 1]))
            let close = try peer.expect(.close, skipping: .begin, .attach)
            #expect(close.condition?.description?.contains("100 ms") == true)
            try peer.expectEnd()
        } client: { address in
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                try Self.connect(to: address, event, usesSASL: true)
            }
            try Container(client).run()
            return client.journal.lines
        }
        #expect(lines.contains("client.onConnectionError") && !lines.contains("client.onConnectionOpened"))
    }

    @Test func aServerThatDoesNotAnswerTheClose() async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.handshake()
                try peer.expect(.close, skipping: .begin, .attach)
                // It is left alone with what it does not say.
                try peer.expectEnd()
            } client: { address in
                let client = Scripted("client")
                defer { client.forget() }
                client.on("onStart") { (event: ContainerEvent) in
                    var options = ConnectionOptions.once
                    options.limits.closeTimeout = .milliseconds(50)
                    try event.container.connect(address, options: options)
                }
                client.on("onConnectionOpened") { (event: ConnectionEvent) in event.connection.close() }
                client.on("onTransportError") { (event: TransportEvent) in try event.failUnhandledLoss() }
                try Container(client).run()
            }
        }
        #expect(error?.code == .timedOut && error?.message.contains("No close frame") == true)
    }

    // MARK: Clients

    /// Runs a server for as long as a client made of bytes needs.
    private static func serve(
        _ server: Scripted, options: ConnectionOptions = .once,
        _ client: @escaping @Sendable (ScriptedPeer) throws -> Void
    ) async throws -> [String] {
        nonisolated(unsafe) let server = server
        return try await onThread {
            defer { server.forget() }
            nonisolated(unsafe) var failure: (any Error)?
            let done = DispatchSemaphore(value: 0)
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("127.0.0.1:0")
                let port = listener.port ?? 0
                DispatchQueue.global().async {
                    do {
                        try client(ScriptedPeer(connectingTo: port, receiveBuffer: 4_096))
                    } catch {
                        failure = error
                    }
                    listener.close()
                    done.signal()
                }
            }
            try Container(server, options: options).run()
            done.wait()
            if let failure { throw failure }
            return server.journal.lines
        }
    }

    /// A peer that does not read what waits for it is gone all the same.
    @Test func aClientThatReadsNothingAnyMore() async throws {
        let server = Scripted("server")
        let isFull = DispatchSemaphore(value: 0)
        server.on("onSendable") { (event: SenderEvent) in
            let message = Message(body: .data([UInt8](repeating: 7, count: 10_000)))
            while event.sender.credit > 0 { try event.sender.send(message) }
            isFull.signal()
        }
        let clock = ContinuousClock()
        let start = clock.now
        let lines = try await Self.serve(server) { peer in
            try peer.handshake()
            try peer.send(.begin(), .attach(receivingFrom: "q"), .flow(credit: UInt32(Int32.max)))
            _ = isFull.wait(timeout: .now() + 10)
            try peer.send(Self.transfers[0])
            // Its own end waits until the server has ended the connection.
            while try !peer.receiveBytes().isEmpty {}
        }
        #expect(lines.contains("server.onConnectionError") && lines.contains("server.onTransportClosed"))
        // A second for the flush, and the time that a busy machine takes to fill the buffers.
        #expect(start.duration(to: clock.now) < .seconds(30))
    }

    /// Senders stop where a peer gives credit and does not read, and go on when it does.
    @Test func aClientThatReadsLate() async throws {
        let server = Scripted("server")
        let total = 4_000
        let isFull = DispatchSemaphore(value: 0)
        let sent = Counter()
        server.on("onSendable") { (event: SenderEvent) in
            let message = Message(body: .data([UInt8](repeating: 7, count: 10_000)))
            while event.sender.credit > 0, sent.value < total {
                try event.sender.send(message)
                sent.increment()
            }
            if event.sender.credit == 0 { isFull.signal() }
        }
        var options = ConnectionOptions.once
        options.limits.maxUnsentBytes = 1_000_000
        let lines = try await Self.serve(server, options: options) { peer in
            try peer.handshake()
            try peer.send(
                .begin(), .attach(receivingFrom: "q", ["snd-settle-mode": 1]), .flow(credit: UInt32(Int32.max)))
            _ = isFull.wait(timeout: .now() + 10)
            // What is in the buffers of the sockets is written and makes room.
            #expect(sent.value < total)
            try peer.expect(.begin)
            try peer.expect(.attach)
            for _ in 0..<total { try peer.expect(.transfer) }
            try peer.send(.close())
            try peer.expect(.close)
        }
        #expect(sent.value == total && !lines.contains("server.onTransportError"))
    }
}
