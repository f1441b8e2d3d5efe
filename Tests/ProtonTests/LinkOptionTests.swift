// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// What each option sets, as the peer sees it.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct LinkOptionTests {
    /// Opens a link with options; what the server sees of it is read by `look`.
    private static func seen<Value: Sendable>(
        sender: Bool = false, _ options: [LinkOption], _ look: @escaping @Sendable (Link) -> Value
    ) async throws -> Value? {
        try await onThread {
            let exchange = Exchange()
            var value: Value?
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in value = look(event.link) }
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in event.connection.close() }
            try exchange.run { container, connection in
                let session = try connection.session()
                let link: Link = sender ? try session.makeSender(name: "l") : try session.makeReceiver(name: "l")
                // Proton does not read all of a terminus that has no address.
                link.source.address = "from"
                link.target.address = "to"
                for option in options { option.apply(to: link) }
                link.open()
            }
            return value
        }
    }

    static let green = AMQPValue.described(
        Described(descriptor: .symbol("apache.org:selector-filter:string"), value: "colour = 'green'"))

    @Test func aSelector() async throws {
        let filter = try await Self.seen([.selector("colour = 'green'")]) { $0.remoteSource.filter }
        #expect(filter == [.symbol("selector"): Self.green])
    }

    @Test func severalFilters() async throws {
        let options: [LinkOption] = [
            .filter(["first": Self.green]), .selector("colour = 'green'", name: "jms"), .filter([.symbol("first"): 1]),
        ]
        let filter = try await Self.seen(options) { $0.remoteSource.filter }
        #expect(filter == [.symbol("first"): 1, .symbol("jms"): Self.green])
    }

    @Test func browsingAndTaking() async throws {
        #expect(try await Self.seen([.copy]) { $0.remoteSource.distributionMode } == .copy)
        #expect(try await Self.seen([.move]) { $0.remoteSource.distributionMode } == .move)
        #expect(try await Self.seen([]) { $0.remoteSource.distributionMode } == .unspecified)
    }

    @Test func aDurableSubscription() async throws {
        let isDurable = try await Self.seen([.durableSubscription]) { link in
            link.remoteSource.durability == .unsettledState && link.remoteSource.expiryPolicy == .never
        }
        #expect(isDurable == true)
    }

    @Test(arguments: [true, false])
    func propertiesOfADynamicNode(ofSender: Bool) async throws {
        let options: [LinkOption] = [.dynamicNodeProperties(["supported-dist-modes": .symbol("copy")])]
        let properties = try await Self.seen(sender: ofSender, options) { link in
            [link.remoteSource.properties, link.remoteTarget.properties]
        }
        let expected: AMQPMap = [.symbol("supported-dist-modes"): .symbol("copy")]
        #expect(properties == (ofSender ? [[:], expected] : [expected, [:]]))
    }

    @Test func receiversOptionsDoNothingOnSenders() async throws {
        let options: [LinkOption] = [.selector("a"), .copy, .durableSubscription, .filter(["a": 1])]
        let isPlain = try await Self.seen(sender: true, options) { link in
            let source = link.remoteSource
            return source.filter.isEmpty && source.distributionMode == .unspecified && source.durability == .none
        }
        #expect(isPlain == true)
    }

    @Test func sourceTargetAndLink() async throws {
        let options: [LinkOption] = [
            .source {
                $0.capabilities = ["topic", "shared"]
                $0.outcomes = ["amqp:accepted:list", "amqp:released:list"]
                $0.timeout = 60
            },
            .target { $0.capabilities = ["queue"] },
            .properties(["who": "us", .symbol("level"): .ubyte(1)]), .maxMessageSize(4_321),
            .senderSettleMode(.mixed), .receiverSettleMode(.second),
        ]
        let fits = try await Self.seen(options) { link in
            [
                link.remoteSource.capabilities == ["topic", "shared"], link.remoteSource.timeout == 60,
                link.remoteSource.outcomes == ["amqp:accepted:list", "amqp:released:list"],
                link.remoteTarget.capabilities == ["queue"],
                link.remoteProperties == [.symbol("who"): "us", .symbol("level"): .ubyte(1)],
                link.remoteMaxMessageSize == 4_321, link.remoteSenderSettleMode == .mixed,
                link.remoteReceiverSettleMode == .second,
            ]
        }
        #expect(fits == Array(repeating: true, count: 8))
    }

    @Test func theAnswerEchoesWhatWasAsked() async throws {
        let echo = try await onThread {
            let exchange = Exchange()
            var echo: [AMQPMap] = []
            exchange.server.on("onLinkOpening") { (event: LinkEvent) in
                if event.link.name == "second" { event.link.source.filter = [:] }
            }
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in
                echo.append(event.link.remoteSource.filter)
                if echo.count == 2 { event.connection.close() }
            }
            try exchange.run { container, connection in
                for name in ["first", "second"] {
                    try container.createReceiver(connection, "q", name: name, options: .selector("colour = 'green'"))
                }
            }
            return echo
        }
        #expect(echo == [[.symbol("selector"): Self.green], [:]])
    }

    @Test func linksOnASessionWithAHandler() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            let own = Scripted("own", exchange.journal)
            own.on("onSendable") { (event: SenderEvent) in
                guard event.sender.credit == 10 else { return }
                try event.sender.send(Message(body: 1))
            }
            own.on("onAccepted") { (event: DeliveryEvent) in
                #expect(event.delivery.tag == [7])
                event.connection.close()
            }
            defer { own.forget() }
            try exchange.run { container, connection in
                let session = try connection.makeSession()
                session.incomingCapacity = 1 << 20
                session.handler = own
                #expect(session.handler === own)
                session.open()
                let sender = try container.createSender(session, "q", options: .tags { [7] })
                #expect(sender.session === session && sender.handler == nil)
                try container.createReceiver(session, "q")
            }
            return exchange.journal.lines
        }
        #expect(lines.count { $0 == "own.onLinkOpened" } == 2 && lines.count { $0 == "own.onSessionOpened" } == 1)
        #expect(!lines.contains("client.onLinkOpened") && lines.contains("client.onConnectionOpened"))
    }
}
