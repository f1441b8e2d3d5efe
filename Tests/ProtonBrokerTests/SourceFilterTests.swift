// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import Testing

@testable import ProtonBroker

/// Which filters of a source are applied, ignored and refused.
struct SourceFilterTests {
    private static func selector(
        _ value: AMQPValue, _ descriptor: AMQPValue = .symbol("apache.org:selector-filter:string")
    ) -> AMQPValue {
        .described(Described(descriptor: descriptor, value: value))
    }

    @Test func aSelectorIsFoundByEitherDescriptorAndEchoed() throws {
        for descriptor in [.symbol("apache.org:selector-filter:string"), .ulong(0x468C_0000_0004)] as [AMQPValue] {
            let filter = SourceFilterTests.selector("a = 1", descriptor)
            let filters: AMQPMap = [.symbol("other"): 5, .symbol("mine"): filter, .symbol("selector"): .null]
            let found = try #require(try SourceFilter.find(in: filters))
            #expect(found.text == "a = 1" && found.echo == [.symbol("mine"): filter])
        }
    }

    @Test func otherKindsAreNotApplied() throws {
        let noLocal = AMQPValue.described(Described(descriptor: .symbol("apache.org:no-local-filter:list"), value: []))
        #expect(try SourceFilter.find(in: [.symbol("no-local"): noLocal, .symbol("x"): "text", "y": .null]) == nil)
        #expect(try SourceFilter.find(in: [:]) == nil)
    }

    @Test(
        arguments: [
            ([.symbol("selector"): "a = 1"], "no descriptor"), (["jms-selector": "a = 1"], "no descriptor"),
            ([.symbol("apache.org:selector-filter:string"): 5], "no descriptor"),
            ([.symbol("s"): SourceFilterTests.selector(5)], "is a string"),
            ([.symbol("s"): SourceFilterTests.selector(.null)], "is a string"),
            ([.symbol("s"): SourceFilterTests.selector("a = ")], "at character 5"),
            (
                [.symbol("s"): SourceFilterTests.selector("a"), .symbol("t"): SourceFilterTests.selector("a")],
                "more than one"
            ),
        ] as [(AMQPMap, String)])
    func refuses(_ filters: AMQPMap, _ reason: String) {
        let error = #expect(throws: ConditionError.self) { try SourceFilter.find(in: filters) }
        #expect(error?.condition.name == .invalidField && error?.reason.contains(reason) == true, "\(error as Any)")
    }

    /// A filter that cannot be read is not taken for none: the consumer would get every message.
    @Test(
        arguments: [
            "a = 1", .list([1]), SourceFilterTests.selector("a = 1"), SourceFilterTests.deep(200),
        ] as [AMQPValue])
    func aFilterThatCannotBeReadIsRefused(_ filter: AMQPValue) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        let source = AMQPValue.terminus(0x28, [.string("q"), .null, .null, .null, .null, .null, .null, filter])
        try wire.write(.header, .open, .begin, .attach(receivingFrom: source))
        try wire.read(until: "The filter of the source is not valid")
    }

    /// A map with lists in lists.
    private static func deep(_ depth: Int) -> AMQPValue {
        .map([.symbol("s"): (0..<depth).reduce(AMQPValue.list([])) { inner, _ in .list([inner]) }])
    }
}
