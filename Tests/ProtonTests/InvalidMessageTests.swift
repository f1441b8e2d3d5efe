// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// What comes as a message and is none: the program is told of it, with the bytes, and its sender of the outcome.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct InvalidMessageTests {
    /// Bytes that are no message, by what is wrong with them.
    static let invalid: [String: [UInt8]] = [
        "no section": [0xde, 0xad],
        "cut short": [0x00, 0x53, 0x77, 0xa1, 0x05, 0x61],
        "a body of two kinds": [0x00, 0x53, 0x75, 0xa0, 0x00, 0x00, 0x53, 0x77, 0x40],
        "an array without a type": [0x00, 0x53, 0x77, 0xe0, 0x01, 0x00],
        "strings as keys of annotations": [0x00, 0x53, 0x72, 0xc1, 0x05, 0x02, 0xa1, 0x01, 0x61, 0x40],
        "a key twice": [0x00, 0x53, 0x77, 0xc1, 0x07, 0x04, 0x53, 0x01, 0x40, 0x53, 0x01, 0x41],
        "a list as application property": [0x00, 0x53, 0x74, 0xc1, 0x05, 0x02, 0xa1, 0x01, 0x61, 0x45],
        "larger than a frame": Array(repeating: 0xff, count: 200_000),
    ]

    /// Has the client send messages as they are encoded, and ends when each of them has an outcome.
    /// - Returns: the outcomes.
    private static func send(
        _ messages: [[UInt8]], _ exchange: Exchange, options: ConnectionOptions = .once
    ) throws -> [DeliveryState?] {
        var sent = 0
        var states: [DeliveryState?] = []
        exchange.client.on("onSendable") { (event: SenderEvent) in
            while event.sender.credit > 0, sent < messages.count {
                sent += 1
                try event.sender.send(encoded: messages[sent - 1])
            }
        }
        exchange.client.on("onSettled") { (event: DeliveryEvent) in
            states.append(event.delivery.remoteState)
            if states.count == messages.count { event.connection.close() }
        }
        try exchange.run(options: options) { container, connection in try container.createSender(connection, "a") }
        return states
    }

    @Test(arguments: invalid.keys.sorted())
    func theProgramIsToldWithTheBytes(_ kind: String) async throws {
        let message = try #require(Self.invalid[kind])
        let (states, told, lines) = try await onThread {
            let exchange = Exchange()
            var told: [(bytes: [UInt8], error: CodecError, condition: Condition)] = []
            exchange.server.on("onInvalidMessage") { (event: InvalidMessageEvent) in
                #expect(event.link.isReceiver && event.link === event.delivery.link && !event.delivery.isSettled)
                told.append((event.bytes, event.error, event.condition))
            }
            let states = try Self.send([message], exchange)
            return (states, told, exchange.lines(of: exchange.server))
        }
        #expect(told.map(\.bytes) == [message] && lines.count { $0 == "onInvalidMessage" } == 1)
        let (error, condition) = try #require(told.first.map { ($0.error, $0.condition) })
        #expect(condition.name == .decodeError && condition.description?.hasSuffix("\(error)") == true)
        // What the callback leaves open is rejected, which says why.
        #expect(states == [.rejected(condition)] && !lines.contains("onMessage"))
    }

    static let decisions:
        [(name: String, decide: @Sendable (InvalidMessageEvent) throws -> Void, state: DeliveryState)] =
            [
                ("accept", { $0.delivery.accept() }, .accepted),
                ("reject with", { $0.delivery.reject("no:way") }, .rejected("no:way")),
                ("release", { $0.delivery.release(delivered: false) }, .released),
                ("throw Reject", { _ in throw Delivery.Reject("no:way") }, .rejected("no:way")),
                ("throw Release", { _ in throw Delivery.Release() }, .modified(deliveryFailed: true)),
            ]

    @Test(arguments: decisions.indices, [true, false])
    func theProgramMaySettleOtherwise(_ index: Int, autoAccepts: Bool) async throws {
        let decision = Self.decisions[index]
        let states = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: autoAccepts))
            exchange.server.on("onInvalidMessage", decision.decide)
            return try Self.send([[0xde, 0xad]], exchange)
        }
        #expect(states == [decision.state])
    }

    @Test func withoutAutoAcceptTheProgramSettlesLater() async throws {
        let states = try await onThread {
            let exchange = Exchange(serverOptions: HandlerOptions(autoAccepts: false))
            var kept: [Delivery] = []
            exchange.server.on("onInvalidMessage") { (event: InvalidMessageEvent) in kept.append(event.delivery) }
            exchange.server.on("onMessage") { (event: MessageEvent) in
                #expect(kept.count == 1 && kept[0].localState == nil)
                for delivery in kept { delivery.settle(.released) }
                event.delivery.settle(.released)
            }
            return try Self.send([[0xde, 0xad], [0x00, 0x53, 0x77, 0x40]], exchange)
        }
        #expect(states == [.released, .released])
    }

    @Test(arguments: [true, false])
    func byDefaultItIsRejectedAndTheNextComes(autoAccepts: Bool) async throws {
        let messages = [[0xde, 0xad]] + (0..<30).map { [0x00, 0x53, 0x77, 0x54, UInt8($0)] }
        let (states, bodies) = try await onThread {
            // Prefetch is less than what is sent: the credit of an invalid message comes back as that of others does.
            let exchange = Exchange()
            var bodies: [Int] = []
            let receiving = Receiving(HandlerOptions(prefetch: 4, autoAccepts: autoAccepts)) { event in
                bodies.append(event.message.body.value.intValue ?? -1)
                if !autoAccepts { event.delivery.accept() }
            }
            exchange.server.on("onLinkInit") { (event: LinkEvent) in event.link.handler = receiving }
            return (try Self.send(messages, exchange), bodies)
        }
        #expect(states.count == 31 && bodies == Array(0..<30))
        #expect(states.count { $0 == .accepted } == 30)
        let refused = states.compactMap { state -> Symbol? in
            if case .outcome(.rejected(let condition))? = state { condition?.name } else { nil }
        }
        #expect(refused == [.decodeError])
    }

    /// A handler with none of the callbacks but that for messages.
    private final class Receiving: MessagingHandler {
        let options: HandlerOptions
        private let message: (MessageEvent) throws -> Void

        init(_ options: HandlerOptions, _ message: @escaping (MessageEvent) throws -> Void) {
            (self.options, self.message) = (options, message)
        }

        func onMessage(_ event: MessageEvent) throws { try message(event) }
    }

    // MARK: Limits

    @Test func theLimitsOfDecodingAreTheProgramsToSet() async throws {
        let nested = try Message(body: [[[[[1]]]]]).encoded()
        let long = try Message(body: .data(Array(repeating: 0, count: 100))).encoded()
        let many = try Message(body: .value(.list(Array(repeating: .null, count: 50)))).encoded()
        let rows: [(DecodingLimits, [[UInt8]])] = [
            (.default, []), (DecodingLimits(depth: 4), [nested]), (DecodingLimits(elements: 20), [many]),
            (DecodingLimits(totalSize: 60), [long]), (DecodingLimits(depth: 1, elements: 5), [nested, many]),
        ]
        for (limits, refused) in rows {
            let (told, bodies) = try await onThread {
                let exchange = Exchange()
                var told: [[UInt8]] = []
                var bodies = 0
                exchange.server.on("onInvalidMessage") { (event: InvalidMessageEvent) in
                    #expect(event.error.code == .limitExceeded)
                    told.append(event.bytes)
                }
                exchange.server.on("onMessage") { (_: MessageEvent) in bodies += 1 }
                var options = ConnectionOptions.once
                options.limits.decoding = limits
                _ = try Self.send([nested, long, many], exchange, options: options)
                return (told, bodies)
            }
            #expect(told == refused && bodies == 3 - refused.count, "\(limits)")
        }
    }

    @Test func deeperThanByDefaultCanBeAllowed() async throws {
        var body: AMQPValue = 1
        for _ in 0..<100 { body = [body] }
        let message = try Message(body: body).encoded()
        for (depth, isTaken) in [(64, false), (100, true)] {
            let lines = try await onThread {
                let exchange = Exchange()
                var options = ConnectionOptions.once
                options.limits.decoding.depth = depth
                _ = try Self.send([message], exchange, options: options)
                return exchange.lines(of: exchange.server)
            }
            #expect(lines.contains("onMessage") == isTaken && lines.contains("onInvalidMessage") != isTaken)
        }
    }
}
