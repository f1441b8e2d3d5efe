// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonBroker
import Testing

/// Which links are refused, and how: the link is closed with a condition, and the connection goes on.
struct AttachTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let frame: Frame
        let condition: String

        init(_ description: String, _ frame: Frame, _ condition: String) {
            (testDescription, self.frame, self.condition) = (description, frame, condition)
        }
    }

    /// A source with selectors under some names.
    private static func source(_ selectors: AMQPValue...) -> AMQPValue {
        var filters = AMQPMap()
        for (number, selector) in selectors.enumerated() {
            filters[.symbol(Symbol("selector\(number)"))] = .described(
                Described(descriptor: .symbol("apache.org:selector-filter:string"), value: selector))
        }
        return .terminus(
            0x28, [.string("q"), .null, .null, .null, .null, .null, .null, .map(filters)])
    }

    @Test(arguments: [
        Case("no source", .attach(receivingFrom: .null), "amqp:not-found"),
        Case("no target", .attach(sendingTo: .null), "amqp:invalid-field"),
        Case("a source without address", .attach(receivingFrom: .terminus(0x28, [])), "The source has no address"),
        Case("an empty address", .attach(sendingTo: .target("")), "amqp:invalid-field"),
        Case("a long address", .attach(sendingTo: .target(String(repeating: "x", count: 1_025))), "amqp:invalid-field"),
        Case("a source that coordinates", .attach(receivingFrom: .terminus(0x30, [])), "amqp:not-found"),
        Case("a wrong selector", .attach(receivingFrom: source("a = ")), "amqp:invalid-field"),
        Case(
            "where the selector is wrong", .attach(receivingFrom: source("a b")), "at character 3: 'b' is not expected"),
        Case("a selector that is no string", .attach(receivingFrom: source(5)), "amqp:invalid-field"),
        Case("two selectors", .attach(receivingFrom: source("a", "b")), "amqp:invalid-field"),
    ])
    func refuses(_ attempt: Case) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, attempt.frame)
        try wire.read(until: attempt.condition)
        // Another link on the same connection is fine.
        wire.forget()
        try wire.write(.attach("other", handle: 1, sendingTo: .target("q")))
        try wire.read(until: "other")
        #expect(!wire.received.contains(Array("amqp:".utf8)))
    }

    @Test(arguments: ["../../etc/passwd", "a\u{202E}b\n", "x", String(repeating: "é", count: 512)])
    func takesAnyOtherAddressAsAName(address: String) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: address)
        #expect(try broker.takeAll(from: address) == ["a"])
    }

    @Test func refusesMoreQueuesThanItMayHave() throws {
        var options = BrokerOptions()
        options.maxQueues = 2
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send("a", to: "1")
        try broker.send("b", to: "2")
        let error = #expect(throws: ProtonError.self) { try broker.send("c", to: "3") }
        #expect(error?.message.contains("amqp:resource-limit-exceeded") == true)
        // A queue that nobody needs any more makes room.
        #expect(try broker.takeAll(from: "1") == ["a"])
        try broker.send("c", to: "3")
    }

    @Test func closesALinkThatIsOnlyDetached() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: 1))
        try wire.read(until: "a")
        try wire.write(.detach)
        #expect(try broker.receive(1, from: "q").map(\.text) == ["a"])
    }
}
