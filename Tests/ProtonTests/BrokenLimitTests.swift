// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Peers that pass a limit of this side: what the program is told, and that it does not wait for ever.
@Suite(.timeLimit(.minutes(1)))
struct BrokenLimitTests {
    /// A limit that a peer passes, and what comes of it.
    enum Breach: CaseIterable {
        case size, credit

        var condition: Symbol { self == .size ? .messageSizeExceeded : .transferLimitExceeded }

        /// The outcome of the message.
        var isExpected: (DeliveryState?) -> Bool {
            { state in
                switch (self, state) {
                case (.size, .outcome(.rejected(let condition))): condition?.name == .messageSizeExceeded
                case (.credit, .outcome(.released)): true
                default: false
                }
            }
        }
    }

    private static let small: ConnectionOptions = {
        var options = ConnectionOptions.quick
        options.limits.maxMessageSize = 1_000
        return options
    }()

    /// A peer that attaches the client's receiver, passes the limit, and makes sure that nobody comes again.
    private static func script(_ server: ScriptedServer, _ breach: Breach) throws {
        let peer = try server.accept()
        try peer.handshake()
        try peer.send(.begin(answering: peer.expect(.begin)))
        let attach = try peer.expect(.attach, ["role": true, "max-message-size": .ulong(1_000)])
        try peer.send(.attach(answering: attach))
        try peer.expect(.flow)
        let payload = [UInt8](repeating: 0, count: breach == .size ? 2_000 : 100)
        // More than twice the credit: up to that a client takes it for a peer that counts wrong.
        let count: UInt32 = breach == .size ? 1 : 40
        try peer.send((0..<count).map { .transfer($0, payload: payload) })
        var outcomes: [DeliveryState?] = []
        while true {
            let frame = try peer.receive()
            if frame.kind == .disposition { outcomes.append(frame.state) }
            if frame.kind != .detach { continue }
            #expect(frame.condition?.name == breach.condition && frame["closed"] == true)
            break
        }
        #expect(outcomes.contains { breach.isExpected($0) })
        try peer.send(.detach())
        try peer.expect(.close, skipping: .disposition, .end)
        try peer.send(.close())
    }

    @Test(arguments: Breach.allCases)
    func aHandlerIsTold(_ breach: Breach) async throws {
        let (lines, conditions) = try await withScriptedServer { server in
            try Self.script(server, breach)
        } client: { address in
            let client = Scripted("client", options: HandlerOptions(autoAccepts: false))
            defer { client.forget() }
            var conditions: [Symbol?] = []
            client.on("onStart") { (event: ContainerEvent) in
                let connection = try event.container.connect(address)
                try event.container.createReceiver(connection, "q")
            }
            client.on("onLinkError") { (event: LinkEvent) in
                conditions.append(event.link.condition?.name)
                #expect(event.link.remoteCondition == nil)
            }
            client.on("onLinkClosed") { (event: LinkEvent) in event.connection.close() }
            try Container(client, options: Self.small).run()
            return (client.journal.lines, conditions)
        }
        #expect(conditions == [breach.condition])
        #expect(lines.count { $0 == "client.onLinkError" } == 1 && lines.count { $0 == "client.onLinkOpened" } == 1)
    }

    @Test(arguments: Breach.allCases)
    func itComesOutOfRunWhereNobodyCares(_ breach: Breach) async throws {
        let error = await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                try Self.script(server, breach)
            } client: { address in
                let client = Plain { event in
                    let connection = try event.container.connect(address)
                    try event.container.createReceiver(connection, "q")
                }
                try Container(client, options: Self.small).run()
            }
        }
        #expect(error?.code == .limitExceeded && error?.condition?.name == breach.condition)
        #expect(error?.message.contains("receiver from q") == true)
        #expect(error?.message.contains("\(breach.condition)") == true)
    }

    @Test func aBlockingReceiveEnds() async throws {
        let error = try await withScriptedServer { server in
            try Self.script(server, .size)
        } client: { address in
            let connection = try BlockingConnection(address, timeout: .seconds(10), options: Self.small)
            let receiver = try connection.createReceiver("q", credit: 10)
            let error = #expect(throws: ProtonError.self) { try receiver.receive(timeout: .seconds(10)) }
            try? connection.close()
            return error
        }
        #expect(error?.code == .limitExceeded && error?.condition?.name == .messageSizeExceeded)
    }
}
