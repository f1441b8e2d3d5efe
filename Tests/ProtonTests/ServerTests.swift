// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import ProtonTesting
import ProtonUtilities
import Testing

@testable import Proton

/// The server with async/await: connections and links as sequences of requests, and requests that are answered directly.
@Suite(.timeLimit(.minutes(2)))
struct ServerTests {
    /// Runs a server beside a client's part, and ends it.
    static func withServer(
        _ server: AMQPServer? = nil, _ serve: @escaping @Sendable (AMQPListener) async throws -> Void,
        client: (_ address: String) async throws -> Void
    ) async throws {
        let server = try server ?? AMQPServer("127.0.0.1:0", logger: .quiet)
        try await server.withListener { listener in
            let task = Task { try await serve(listener) }
            do {
                try await client("127.0.0.1:\(listener.port ?? 0)")
            } catch {
                task.cancel()
                throw error
            }
            task.cancel()
            try await task.value
        }
    }

    @Test func requestsWithoutABroker() async throws {
        try await Self.withServer { listener in
            await listener.serve("upper", concurrency: 4) { request in
                switch request.body.value.stringValue {
                case "nothing": nil
                case "wrong": throw Delivery.Reject(Condition("app:wrong"))
                case let text: Message(body: text?.uppercased() ?? "?")
                }
            }
        } client: { address in
            try await AMQPClient(address, logger: .quiet).withConnection { connection in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let response = try await connection.request(Message(body: "r\(number)"), to: "upper")
                            #expect(response.body.value.stringValue == "R\(number)")
                        }
                    }
                    try await group.waitForAll()
                }
                let refused = await #expect(throws: AMQPSendError.self) {
                    try await connection.request(Message(body: "wrong"), to: "upper")
                }
                guard case .refused(.rejected(let condition)) = refused else {
                    Issue.record("\(String(describing: refused))")
                    return
                }
                #expect(condition?.name == "app:wrong")
                // Without a reply address, and without an answer.
                #expect(try await connection.send("nothing", to: "upper") == .accepted)
                // To an address that nobody receives from.
                var lost = Message(body: "x")
                lost.replyTo = "nowhere"
                let notFound = await #expect(throws: AMQPSendError.self) {
                    try await connection.send(lost, to: "upper")
                }
                #expect("\(String(describing: notFound))".contains("amqp:not-found"))
                // There is no other node.
                let other = await #expect(throws: AMQPSendError.self) { try await connection.send("x", to: "lower") }
                #expect("\(String(describing: other))".contains("There is no such node here."))
            }
        }
    }

    /// A peer may take responses only when its request was accepted, as go-amqp's and JMS's programs do.
    @Test func aPeerThatTakesResponsesAfterTheOutcome() async throws {
        try await Self.withServer { listener in
            await listener.serve("upper", concurrency: 1) { Message(body: $0.body) }
        } client: { address in
            try await AMQPClient(address, logger: .quiet).withConnection { connection in
                let receiver = connection.receiver(from: nil, window: 0)
                try await receiver.attach()
                for number in 0..<3 {
                    let request = Message(body: .value(AMQPValue(number)), replyTo: receiver.address)
                    #expect(try await connection.send(request, to: "upper") == .accepted)
                }
                try receiver.grant(3)
                for number in 0..<3 {
                    let response = try #require(try await receiver.next())
                    #expect(response.message.body.value.intValue == number)
                    response.accept()
                }
            }
        }
    }

    /// What a peer says of itself is there for the decision, and each decision is the peer's error.
    @Test func connectionsAreDecidedAbout() async throws {
        var server = try AMQPServer("127.0.0.1:0", logger: .quiet)
        server.options.authentication = .required(OneUser())
        try await Self.withServer(server) { listener in
            for await request in listener {
                #expect(request.peer.user == "me")
                #expect(request.peer.address?.hasPrefix("127.0.0.1:") == true)
                switch request.peer.containerID {
                case "welcome":
                    let connection = try await request.accept(
                        offeredCapabilities: ["tested"], properties: [.symbol("product"): "test"])
                    #expect(connection.peer?.containerID == "welcome")
                    for await _ in connection.linkRequests {}
                case "refused": request.refuse(Condition(.notAllowed, "not you"))
                case "elsewhere": request.redirect(to: try AMQPURL("amqp://other.example:1234"))
                default: break
                }
            }
        } client: { address in
            func connect(_ container: String) async throws {
                let options = ConnectionOptions(user: "me", password: "secret", containerID: container, reconnect: nil)
                try await AMQPClient(address, options: options, logger: .quiet).withConnection { connection in
                    #expect(connection.peer?.offeredCapabilities == ["tested"])
                    #expect(connection.peer?.properties[.symbol("product")] == "test")
                }
            }
            try await connect("welcome")
            let refused = await #expect(throws: ProtonError.self) { try await connect("refused") }
            #expect(refused?.condition == Condition(.notAllowed, "not you"))
            let elsewhere = await #expect(throws: ProtonError.self) { try await connect("elsewhere") }
            #expect(elsewhere?.condition?.name == .connectionRedirect)
            #expect(elsewhere?.condition?.info[.symbol("network-host")] == "other.example")
            #expect(elsewhere?.condition?.info[.symbol("port")] == .ushort(1234))
            let dropped = await #expect(throws: ProtonError.self) { try await connect("somebody") }
            #expect(dropped?.condition?.name == .resourceLimitExceeded)
        }
    }

    @Test func linksAreDecidedAbout() async throws {
        let received = UncheckedMutex<[String]>([])
        try await Self.withServer { listener in
            for await request in listener {
                let connection = try await request.accept()
                try await withThrowingDiscardingTaskGroup { group in
                    for await request in connection.linkRequests {
                        switch request {
                        case .sender(let request) where request.address == "in":
                            let receiver = try request.accept(window: 5)
                            group.addTask {
                                for try await delivery in receiver {
                                    received.withLock { $0.append(delivery.message.body.value.stringValue ?? "") }
                                    delivery.accept()
                                }
                            }
                        case .receiver(let request) where request.address == "out":
                            #expect(request.attach.source.filter[.symbol("selector")] != nil)
                            let sender = try request.accept()
                            #expect(throws: ProtonError.self) { try request.accept() }
                            group.addTask {
                                for number in 0..<100 { _ = try? await sender.submit(Message(body: number)) }
                                // Until the peer has had enough.
                                _ = try? await sender.send("end")
                            }
                        case .sender(let request) where request.address == nil: break
                        default:
                            request.redirect(to: try AMQPURL("other.example"), address: "there")
                        }
                    }
                }
            }
        } client: { address in
            try await AMQPClient(address, logger: .quiet).withConnection { connection in
                for text in ["a", "b", "c"] { try await connection.send(text, to: "in") }
                #expect(received.withLock { $0 } == ["a", "b", "c"])
                var numbers: [Int] = []
                try await connection.withReceiver(from: "out", window: 10, options: [.selector("x = 1")]) { receiver in
                    while numbers.count < 100, let delivery = try await receiver.next() {
                        numbers.append(delivery.message.body.value.intValue ?? -1)
                        delivery.accept()
                    }
                }
                #expect(numbers == Array(0..<100))
                let elsewhere = await #expect(throws: ProtonError.self) {
                    try await connection.receiver(from: "other").attach()
                }
                #expect(elsewhere?.condition?.name == .linkRedirect)
                #expect(elsewhere?.condition?.info[.symbol("address")] == "there")
                let dropped = await #expect(throws: ProtonError.self) { try await connection.sender(to: nil).attach() }
                #expect(dropped?.condition?.name == .resourceLimitExceeded)
            }
        }
    }

    /// This side of an accepted connection may attach links too, which the client has to take.
    @Test func theServerAttachesLinks() async throws {
        try await Self.withServer { listener in
            for await request in listener {
                let connection = try await request.accept()
                try await connection.send("from the server", to: "client")
                let refused = await #expect(throws: AMQPSendError.self) { try await connection.send("x", to: "nobody") }
                #expect("\(String(describing: refused))".contains("amqp:not-found"))
                await connection.close()
            }
        } client: { address in
            var client = try AMQPClient(address, options: ConnectionOptions(reconnect: nil), logger: .quiet)
            client.takesLinks = true
            try await client.withConnection { connection in
                var texts: [String] = []
                for await request in connection.linkRequests {
                    guard case .sender(let request) = request, request.address == "client" else {
                        request.refuse(Condition(.notFound))
                        continue
                    }
                    let receiver = try request.accept()
                    let delivery = try #require(try await receiver.next())
                    texts.append(delivery.message.body.value.stringValue ?? "")
                    delivery.accept()
                }
                #expect(texts == ["from the server"])
            }
        }
    }

    /// A client that takes no links refuses those of its peer.
    @Test func aClientRefusesLinksThatNothingTakes() async throws {
        try await Self.withServer { listener in
            for await request in listener {
                let connection = try await request.accept()
                let refused = await #expect(throws: AMQPSendError.self) { try await connection.send("x", to: "q") }
                #expect("\(String(describing: refused))".contains("amqp:not-allowed"))
                await connection.close()
            }
        } client: { address in
            let connection = try await AMQPClient(
                address, options: ConnectionOptions(reconnect: nil), logger: .quiet
            ).connect()
            for await event in connection.events {
                if case .ended = event { break }
            }
        }
    }

    /// A peer that goes away ends the loops of what it had, without an error.
    @Test func aPeerThatGoesEndsItsLoops() async throws {
        let ends = UncheckedMutex(0)
        try await Self.withServer { listener in
            for await request in listener {
                let connection = try await request.accept()
                try await withThrowingDiscardingTaskGroup { group in
                    for await request in connection.linkRequests {
                        guard case .sender(let request) = request else { continue }
                        let receiver = try request.accept()
                        group.addTask {
                            for try await delivery in receiver { delivery.accept() }
                            ends.withLock { $0 += 1 }
                        }
                    }
                }
                ends.withLock { $0 += 10 }
                if ends.withLock({ $0 }) == 12 { break }
            }
        } client: { address in
            try await AMQPClient(address, logger: .quiet).withConnection { connection in
                let first = connection.sender(to: "one")
                try await first.send("x")
                await first.close()
                try await connection.send("y", to: "two")
            }
        }
        #expect(ends.withLock { $0 } == 12)
    }

    private struct OneUser: Authenticator {
        let mechanisms: Set<SASLMechanism> = [.plain]

        func verify(_ login: PasswordLogin) async throws -> Bool { login.user == "me" && login.password == "secret" }
        func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? { nil }
    }

    @Test func whatCannotBeListenedOn() throws {
        let listener = try AMQPServer("127.0.0.1:0").listen()
        let port = try #require(listener.port)
        // Again and again, since the loop hears of it beside this thread.
        for _ in 0..<200 {
            let taken = #expect(throws: ProtonError.self) { try AMQPServer("127.0.0.1:\(port)").listen() }
            #expect(taken?.code == .listenFailed)
        }
        // The loop that they share goes on.
        #expect(listener.port == port)
        listener.close()
        let plain = #expect(throws: ProtonError.self) { try AMQPServer("amqps://127.0.0.1:0").listen() }
        #expect(plain?.code == .invalidArgument)
    }
}

extension Logger {
    /// One that says nothing: what the tests bring about is no news.
    fileprivate static var quiet: Logger { Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() } }
}
