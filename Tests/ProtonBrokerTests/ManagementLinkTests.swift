// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// Links to and from the management node, frame by frame, and what is never a request.
struct ManagementLinkTests {
    private static func request(
        _ operation: String, name: String? = nil, replyTo: String? = nil, id: MessageID? = 7,
        correlationID: MessageID? = nil
    ) -> Message {
        var properties: ApplicationProperties = ["operation": .string(operation), "type": "proton.broker.queue"]
        if let name { properties["name"] = .string(name) }
        return Message(
            id: id, address: "$management", replyTo: replyTo, correlationID: correlationID, properties: properties)
    }

    /// A link from the node, whose target has an address of the peer's own.
    private static func responses(_ target: String, handle: UInt32 = 1) -> PeerFrame {
        .attach(
            receivingFrom: "$management", name: "responses \(target)", handle: handle,
            ["target": PeerFrame.terminus(0x29, [0: .string(target)])])
    }

    private func response(_ peer: FramePeer) throws -> Message { try peer.wait(.transfer).message() }

    @Test func responsesComeOverALinkFromTheNode() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "$management", name: "requests"))
        try peer.wait(.flow)
        let answer = try peer.attach(Self.responses("mine"))
        #expect(answer.terminus("source").first == "$management")
        try peer.attach(Self.responses("other", handle: 2))
        try peer.send(.flow(credit: 10, handle: 1), .flow(credit: 10, handle: 2))
        for (number, (replyTo, handle)) in [("mine", 1), ("other", 2), ("$management", 1), (nil, 1)].enumerated() {
            let id = UInt32(number)
            try peer.send(.transfer(id, Self.request("CREATE", name: "q\(number)", replyTo: replyTo)))
            let frame = try peer.wait(.transfer)
            #expect(frame["handle"].intValue == handle)
            let response = try frame.message()
            #expect(response.properties["statusCode"] == .int(201) && response.correlationID == 7)
            #expect(response.address == replyTo)
            #expect(try peer.waitOutcome(id).state == .accepted)
        }
        try peer.send(.transfer(4, Self.request("READ", name: "x", id: nil, correlationID: "c")))
        let missing = try response(peer)
        #expect(missing.properties["statusCode"] == .int(404) && missing.correlationID == "c")
    }

    @Test func withoutAPlaceForTheResponseNothingIsDone() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "$management", name: "requests"))
        for (id, replyTo) in [nil, "$management", AMQPUUID.random().description, ""].enumerated() {
            try peer.send(.transfer(UInt32(id), Self.request("CREATE", name: "q", replyTo: replyTo)))
            guard case .rejected? = try peer.waitOutcome(UInt32(id)).state?.outcome else {
                Issue.record("a request without a place for its response is not rejected")
                continue
            }
        }
        #expect(broker.status.queues.isEmpty)
        // The link and the connection go on.
        try peer.attach(Self.responses("mine"))
        try peer.send(.flow(credit: 1, handle: 1), .transfer(4, Self.request("CREATE", name: "q", replyTo: "mine")))
        #expect(try response(peer).properties["statusCode"] == .int(201))
    }

    @Test func aResponseMayGoToAQueueOrToATopic() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.subscribe(as: nil, to: "topic/a")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "$management", name: "requests"))
        for (id, address) in ["answers", "topic/a"].enumerated() {
            try peer.send(.transfer(UInt32(id), Self.request("READ", name: "x", replyTo: address)))
            #expect(try peer.waitOutcome(UInt32(id)).state == .accepted)
        }
        #expect(broker.status.queue("answers")?.waiting == 1 && broker.status.queue("id/link")?.waiting == 1)
    }

    @Test func bytesThatAreNoMessageAreRejected() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "$management", name: "requests"))
        try peer.attach(Self.responses("mine"))
        try peer.send(.flow(credit: 10, handle: 1))
        let texts: [[UInt8]] = [[0], [0x00, 0x53, 0x77], Array(repeating: 0xff, count: 100)]
        for (id, bytes) in texts.enumerated() {
            try peer.send(.transfer(UInt32(id), payload: bytes))
            guard case .rejected? = try peer.waitOutcome(UInt32(id)).state?.outcome else {
                Issue.record("\(bytes) is not rejected")
                continue
            }
        }
        try peer.send(.transfer(3, Self.request("DANCE")))
        #expect(try response(peer).properties["statusCode"] == .int(501))
    }

    @Test func theRelayTakesRequestsAndTransactionsDoNot() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "", name: "relay", ["target": .terminus(0x29, [])]))
        try peer.attach(Self.responses("mine"))
        try peer.send(.flow(credit: 10, handle: 1), .transfer(0, Self.request("CREATE", name: "q", replyTo: "mine")))
        #expect(try response(peer).properties["statusCode"] == .int(201))
        try peer.attachCoordinator()
        let transaction = try peer.declare(1)
        let state = AMQPValue.state(.transactional(id: transaction))
        try peer.send(.transfer(2, Self.request("CREATE", name: "r", replyTo: "mine"), ["state": state]))
        let outcome = try peer.waitOutcome(2)
        #expect("\(outcome["state"])".contains("amqp:not-implemented"))
        #expect(broker.status.queue("r") == nil)
    }

    @Test func theAddressIsNoQueuesAndNoTopics() throws {
        var options = BrokerOptions()
        options.topics = ["#"]
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "$management", name: "requests"))
        try peer.attach(Self.responses("mine"))
        try peer.send(
            .flow(credit: 1, handle: 1), .transfer(0, Self.request("READ", name: "$management", replyTo: "mine")))
        #expect(try response(peer).properties["statusCode"] == .int(404))
        options.queues = [QueueDeclaration("$management")]
        #expect(throws: ProtonError.self) { try options.validate() }
        options.queues = []
        options.deadLetterAddress = "$management"
        #expect(throws: ProtonError.self) { try options.validate() }
    }

    @Test func asManyRequestsAreTakenAsCome() async throws {
        try await withBroker { broker in
            try await broker.manage { node in
                try await withThrowingTaskGroup(of: Int?.self) { group in
                    for number in 0..<500 {
                        group.addTask { try await node.queue("CREATE", "q\(number % 250)").code }
                    }
                    var codes: [Int?: Int] = [:]
                    for try await code in group { codes[code, default: 0] += 1 }
                    #expect(codes == [201: 250, 409: 250])
                }
            }
        }
    }
}
