// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a peer that has not logged in may do by rules, frame by frame.
struct AccessLinkTests {
    private static let rules = """
        allow anonymous send     in/*
        allow anonymous create   in/new
        allow anonymous receive  out/#
        allow anonymous send     both
        allow anonymous receive  both
        allow anonymous create   both
        allow anonymous receive  topic/news/*
        allow alice     *        #
        """

    private static func start(
        _ rules: String = rules, log: LogLines = LogLines(), change: (inout BrokerOptions) -> Void = { _ in }
    ) throws -> Broker {
        var options = BrokerOptions()
        options.rules = try AccessRules(rules)
        options.queues = ["in/there", "out/there", "secret"].map { QueueDeclaration($0) }
        options.logger = Logger(label: "test") { _ in log }
        change(&options)
        return try Broker.start(options: options)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let frame: PeerFrame
        let condition: Symbol?

        init(_ text: String, _ frame: PeerFrame, _ condition: Symbol? = nil) {
            (testDescription, self.frame, self.condition) = (text, frame, condition)
        }
    }

    /// A link that receives from a source of some fields.
    private static func receiving(_ fields: [Int: AMQPValue]) -> PeerFrame {
        .attach(receivingFrom: "", name: "link", ["source": PeerFrame.terminus(0x28, fields)])
    }

    private static let dynamic = AMQPValue.boolean(true)
    private static let topic = AMQPValue.array(AMQPArray(["topic" as Symbol]))

    @Test(arguments: [
        Case("sends", .attach(sendingTo: "in/there", name: "link")),
        Case("sends to what it makes", .attach(sendingTo: "in/new", name: "link")),
        Case("sends to what it may not make", .attach(sendingTo: "in/other", name: "link"), .notFound),
        Case("sends elsewhere", .attach(sendingTo: "secret", name: "link"), .unauthorizedAccess),
        Case("sends to what is only to be read", .attach(sendingTo: "out/there", name: "link"), .unauthorizedAccess),
        Case("receives", .attach(receivingFrom: "out/there", name: "link")),
        Case("receives what it may not make", .attach(receivingFrom: "out/other", name: "link"), .notFound),
        Case("receives from elsewhere", .attach(receivingFrom: "secret", name: "link"), .unauthorizedAccess),
        Case("browses elsewhere", receiving([0: "secret", 6: .symbol("copy")]), .unauthorizedAccess),
        Case("subscribes", receiving([0: "topic/news/a"])),
        Case("subscribes to several topics", receiving([0: "topic/news/*"])),
        Case("subscribes to more than it may", receiving([0: "topic/news/#"]), .unauthorizedAccess),
        Case("subscribes to other topics", receiving([0: "topic/#"]), .unauthorizedAccess),
        Case("calls any address a topic", receiving([0: "secret", 10: topic]), .unauthorizedAccess),
        Case("subscribes for good", receiving([0: "topic/news/a", 1: .uint(2)]), .unauthorizedAccess),
        Case("publishes", .attach(sendingTo: "topic/news/a", name: "link"), .unauthorizedAccess),
        Case("a dynamic node", receiving([4: dynamic])),
        Case("the relay", .attach(sendingTo: "", name: "link", ["target": .terminus(0x29, [])])),
        Case("the coordinator", .attach(sendingTo: "", name: "link", ["target": .terminus(0x30, [])])),
    ])
    func linksAreAttachedAsRulesHaveIt(attempt: Case) throws {
        let broker = try Self.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        let answer = try peer.attach(attempt.frame)
        let isReceiver = attempt.frame["role"] == true
        if let condition = attempt.condition {
            #expect(answer[isReceiver ? "source" : "target"] == .null)
            let detach = try peer.wait(.detach)
            #expect(detach["error"].conditionName == condition && detach["closed"] == true)
        } else {
            #expect(answer[isReceiver ? "source" : "target"] != .null)
        }
        // The connection goes on.
        try peer.attach(.attach(sendingTo: "both", name: "other", handle: 1))
        let made = broker.status.queues.map(\.address).filter { $0 != "both" && AMQPUUID($0) == nil }
        #expect(made == ["in/there", "out/there", "secret"] || made == ["in/new", "in/there", "out/there", "secret"])
    }

    @Test func aRefusalSaysNothingOfWhatThereIs() throws {
        let log = LogLines()
        let broker = try Self.start(log: log)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        var texts: [String] = []
        for (handle, address) in ["secret", "nothing"].enumerated() {
            let frames: [PeerFrame] = [
                .attach(sendingTo: address, name: "s\(handle)", handle: UInt32(handle)),
                .attach(receivingFrom: address, name: "r\(handle)", handle: UInt32(handle + 2)),
            ]
            for frame in frames {
                try peer.attach(frame)
                texts.append("\(try peer.wait(.detach)["error"])".replacing(address, with: "…"))
            }
        }
        #expect(texts[0] == texts[2] && texts[1] == texts[3])
        #expect(texts[0].contains("anonymous may not send to …."))
        // One line for all of them.
        let lines = log.lines.filter { $0.contains("refused what a peer may not do") }
        #expect(lines.count == 1 && lines[0].hasPrefix("warning ") && lines[0].contains(" peer=127.0.0.1:"))
    }

    @Test func withoutARuleForItAPeerGetsNothing() throws {
        let broker = try Self.start("allow alice * #")
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        let frames: [PeerFrame] = [
            Self.receiving([4: Self.dynamic]),
            .attach(sendingTo: "", name: "relay", handle: 1, ["target": .terminus(0x29, [])]),
            .attach(sendingTo: "", name: "coordinator", handle: 2, ["target": .terminus(0x30, [])]),
        ]
        for frame in frames {
            try peer.attach(frame)
            #expect(try peer.wait(.detach)["error"].conditionName == .unauthorizedAccess)
        }
    }

    @Test func messagesOfTheRelayGoWhereTheirSenderMaySend() throws {
        let broker = try Self.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "", name: "relay", ["target": .terminus(0x29, [])]))
        func send(_ id: UInt32, to address: String, state: DeliveryState? = nil) throws -> PeerFrame {
            let fields: KeyValuePairs<String, AMQPValue> = state.map { ["state": AMQPValue.state($0)] } ?? [:]
            try peer.send(.transfer(id, Message(body: "a", address: address), fields))
            return try peer.waitOutcome(id)
        }
        #expect(try send(0, to: "in/there").state == .outcome(.accepted))
        #expect(try send(1, to: "secret").rejection == .unauthorizedAccess)
        #expect(try send(2, to: "in/there").state == .outcome(.accepted))
        #expect(try send(3, to: "in/other").rejection == .notFound)
        #expect(try send(4, to: "nothing").rejection == .unauthorizedAccess)
        // Other rules hold from the next message on.
        broker.setRules(try AccessRules("allow anonymous send secret"))
        #expect(try send(5, to: "in/there").rejection == .unauthorizedAccess)
        #expect(try send(6, to: "secret").state == .outcome(.accepted))
        broker.setRules(nil)
        #expect(try send(7, to: "nothing").state == .outcome(.accepted))
        #expect(broker.status.queue("secret")?.waiting == 1 && broker.status.queue("in/there")?.waiting == 2)
    }

    @Test func aTransactionBringsNothingWhereItsSenderMayNotSend() throws {
        let broker = try Self.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(sendingTo: "", name: "relay", ["target": .terminus(0x29, [])]))
        let transaction = try peer.declare(0)
        for (id, address) in [(UInt32(1), "in/there"), (2, "secret")] {
            try peer.send(
                .transfer(
                    id, Message(body: "a", address: address),
                    ["state": .state(.transactional(id: transaction))]))
            let state = try peer.waitOutcome(id).state
            guard case .transactional(_, let outcome?)? = state else {
                Issue.record("\(state as Any)")
                continue
            }
            if case .rejected(let condition) = outcome {
                #expect(address == "secret" && condition?.name == .unauthorizedAccess)
            } else {
                #expect(address == "in/there")
            }
        }
        try peer.discharge(3, transaction)
        #expect(try peer.waitOutcome(3).rejection != nil)
        #expect(broker.status.messages == 0)
    }

    @Test func aDynamicNodeIsForItsConnectionAndThoseItTells() throws {
        let broker = try Self.start("allow * send requests")
        defer { broker.stop() }
        let (client, server) = (try FramePeer(broker, id: "client"), try FramePeer(broker, id: "server"))
        let answer = try client.attach(Self.receiving([4: Self.dynamic]))
        let address = try #require(answer.terminus("source").first?.stringValue)
        // Others send answers there, by a link or over the relay, and receive nothing from it.
        try server.attach(.attach(sendingTo: address, name: "answers"))
        try server.attach(.attach(sendingTo: "", name: "relay", handle: 1, ["target": .terminus(0x29, [])]))
        try server.send(.transfer(0, Message(body: "a")))
        #expect(try server.waitOutcome(0).state == .outcome(.accepted))
        try server.send(.transfer(1, Message(body: "b", address: address), handle: 1))
        #expect(try server.waitOutcome(1).state == .outcome(.accepted))
        try server.attach(.attach(receivingFrom: address, name: "thief", handle: 2))
        #expect(try server.wait(.detach)["error"].conditionName == .unauthorizedAccess)
        try client.attach(.attach(receivingFrom: address, name: "again", handle: 1))
        try client.send(.flow(credit: 2, handle: 1))
        #expect(try client.wait(.transfer).text == "a")
        #expect(try client.wait(.transfer).text == "b")
        // It goes with its link, and is then nobody's.
        try client.send(.detach(["closed": true]))
        try client.wait(.detach)
        try server.send(.transfer(2, Message(body: "c", address: address), handle: 1))
        #expect(try server.waitOutcome(2).rejection == .unauthorizedAccess)
    }

    @Test func withoutRulesThereAreNone() throws {
        let broker = try Self.start { $0.rules = nil }
        defer { broker.stop() }
        try broker.send("a", to: "nothing/of/the/kind")
        #expect(try broker.takeAll(from: "nothing/of/the/kind") == ["a"])
    }
}

extension AMQPValue {
    /// The name of the condition of an error.
    var conditionName: Symbol? {
        guard case .described(let error) = self, case .list(let fields) = error.value else { return nil }
        return fields.first?.symbolValue
    }
}

extension PeerFrame {
    /// Why a message is rejected; nil where it is not.
    var rejection: Symbol? {
        guard case .outcome(.rejected(let condition))? = state else { return nil }
        return condition?.name
    }
}
