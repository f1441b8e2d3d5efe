// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// How requests to the management node are read, without a broker.
struct ManagementRequestTests {
    /// A request, by its application properties.
    private static func request(
        _ operation: AMQPValue? = nil, _ properties: ApplicationProperties = [:], _ body: Message.Body = .null
    ) -> Message {
        var all = properties
        all["operation"] = operation
        return Message(body: body, properties: all)
    }

    private static func status(_ message: Message) -> ManagementStatus? {
        do throws(ManagementError) {
            _ = try ManagementRequest(message, BrokerOptions())
            return nil
        } catch {
            return error.status
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let message: Message
        let status: ManagementStatus?

        init(_ text: String, _ message: Message, _ status: ManagementStatus? = nil) {
            (testDescription, self.message, self.status) = (text, message, status)
        }
    }

    private static let queue: AMQPValue = "proton.broker.queue"
    private static let named: ApplicationProperties = ["type": queue, "name": "q"]

    private static func create(_ attributes: AMQPMap) -> Message {
        request("CREATE", named, .value(.map(attributes)))
    }

    @Test(arguments: [
        Case("no operation", request(), .badRequest),
        Case("an operation that is a number", request(1), .badRequest),
        Case("an operation that there is not", request("DANCE", named), .notImplemented),
        Case("an operation in lower case", request("read", named), .notImplemented),
        Case("no type", request("READ", ["name": "q"]), .badRequest),
        Case("a type that there is not", request("READ", ["type": "x", "name": "q"]), .notFound),
        Case(
            "an operation that the type has not", request("PURGE", ["type": "proton.broker", "name": "q"]),
            .notImplemented),
        Case(
            "an update of what has none", request("UPDATE", ["type": "proton.broker.link", "name": "1"]),
            .notImplemented),
        Case("registering", request("REGISTER", ["type": "org.amqp.management"]), .notImplemented),
        Case("no name", request("READ", ["type": queue]), .badRequest),
        Case("two names", request("READ", ["type": queue, "name": "q", "identity": "r"]), .badRequest),
        Case("one name twice", request("READ", ["type": queue, "name": "q", "identity": "q"])),
        Case("an identity", request("READ", ["type": queue, "identity": "q"])),
        Case("symbols", request(.symbol("READ"), ["type": .symbol("proton.broker.queue"), "name": "q"])),
        Case("a body that is no map", request("CREATE", named, "x"), .badRequest),
        Case("no body", request("CREATE", named)),
        Case("a key that is a number", create([1: 2]), .badRequest),
        Case("an attribute that there is not", create(["colour": "red"]), .badRequest),
        Case("an attribute that is only read", create(["waiting": 1]), .badRequest),
        Case("another name", create(["name": "r"]), .badRequest),
        Case("the same name", create(["name": "q", "type": queue])),
        Case("a limit of 0", create(["maxMessages": 0]), .badRequest),
        Case("a limit below 0", create(["maxBytes": -1]), .badRequest),
        Case("a limit that is a boolean", create(["maxBytes": true]), .badRequest),
        Case("a policy that there is not", create(["policy": "burn"]), .badRequest),
        Case("a delay that is longer than a day", create(["redeliveryDelay": .ulong(.max)]), .badRequest),
        Case("a delay above its maximum", create(["redeliveryDelay": 2, "maxRedeliveryDelay": 1]), .badRequest),
        Case("no address for dead letters", create(["deadLetterAddress": ""]), .badRequest),
        Case(
            "too long a name",
            request("CREATE", ["type": queue, "name": .string(String(repeating: "x", count: 1_025))]), .badRequest),
        Case("the node's own name", request("CREATE", ["type": queue, "name": "$management"]), .badRequest),
        Case("a query without a type", request("QUERY")),
        Case("a query of the node", request("QUERY", ["type": "org.amqp.management", "name": "self"])),
        Case("a query of another type", request("QUERY", named), .notImplemented),
        Case("a query for what there is not", request("QUERY", ["entityType": "x"]), .notFound),
        Case("an offset below 0", request("QUERY", ["offset": -1]), .badRequest),
        Case("a count that is a text", request("QUERY", ["count": "ten"]), .badRequest),
        Case("names that are no list", request("QUERY", [:], ["attributeNames": "name"]), .badRequest),
        Case("a name that is no text", request("QUERY", [:], ["attributeNames": [1]]), .badRequest),
        Case("a name twice", request("QUERY", [:], ["attributeNames": ["name", "name"]]), .badRequest),
        Case("a query whose body is a text", request("QUERY", [:], "name"), .badRequest),
    ])
    func requestsAreTakenOrRefused(request: Case) { #expect(Self.status(request.message) == request.status) }

    @Test func attributesMakeADeclaration() throws {
        var options = BrokerOptions()
        options.queueLimits = QueueLimits(messages: 5, bytes: 600, policy: .reject)
        let attributes: AMQPMap = [
            "maxMessages": "7", "policy": .null, "isExclusive": "true", "maxDeliveries": 3,
            "redeliveryDelay": .uint(10),
            "deadLetterAddress": .symbol("dead"),
        ]
        let request = try ManagementRequest(Self.create(attributes), options)
        var redelivery = RedeliveryPolicy(maxDeliveries: 3)
        redelivery.delay = .milliseconds(10)
        #expect(
            request
                == .create(
                    QueueDeclaration(
                        "q", limits: QueueLimits(messages: 7, bytes: 600, policy: .reject), isExclusive: true,
                        redelivery: redelivery, deadLetterAddress: "dead")))
        #expect(try ManagementRequest(Self.create([:]), options) == .create(QueueDeclaration("q")))
    }

    @Test func aDeclarationIsReadBackFromItsDetails() {
        let options = BrokerOptions()
        for declaration in [
            QueueDeclaration("q"),
            QueueDeclaration(
                "q", limits: QueueLimits(messages: 7, bytes: 600, policy: .dropOldest), isExclusive: true,
                redelivery: RedeliveryPolicy(maxDeliveries: 3, delay: .zero, maxDelay: .seconds(5)),
                deadLetterAddress: "dead/*"),
        ] {
            #expect(QueueDeclaration("q", details: declaration.details, options) == declaration)
        }
        #expect(QueueDeclaration("q", details: [], options) == nil)
        #expect(QueueDeclaration("q", details: [0xff], options) == nil)
        #expect(
            QueueDeclaration("q", details: Subscription(to: "t", nil, isDurable: true).details(owner: nil), options)
                == nil)
    }

    @Test func whatCannotBeChangedIsNotAndNothingElseEither() throws {
        let options = BrokerOptions()
        var declaration = QueueDeclaration("q", limits: QueueLimits(messages: 1))
        for attributes in [["policy": "reject"], ["isExclusive": true]] as [AMQPMap] {
            var all: AMQPMap = ["maxMessages": 9]
            for (key, value) in attributes { all[key] = value }
            let error = #expect(throws: ManagementError.self) { try declaration.change(all, options) }
            #expect(error?.status == .notImplemented && declaration.limits?.messages == 1)
        }
        try declaration.change(["policy": "withholdCredit", "isExclusive": false, "maxMessages": 9], options)
        #expect(declaration.limits?.messages == 9)
    }

    // MARK: Queries

    private static let links = (1...100).map { number in
        ManagedEntity.link(
            ManagedLink(number: UInt64(number), connection: 1, name: "link", isSender: true, address: "q"))
    }

    private func query(_ properties: ApplicationProperties, limit: Int = 1_000_000) throws -> ManagementResponse {
        var all = properties
        all["entityType"] = "proton.broker.link"
        let message = Self.request("QUERY", all, ["attributeNames": ["identity", "colour", "address"]])
        guard case .query(let query) = try ManagementRequest(message, BrokerOptions()) else {
            throw ProtonError(.invalidArgument, "It is no query.")
        }
        return query.response(Self.links, limit: limit)
    }

    private func identities(_ response: ManagementResponse) -> [Int] {
        (response.body["results"]?.listValue ?? []).compactMap { $0[0]?.stringValue.flatMap { Int($0) } }
    }

    @Test func pagesFollowEachOther() throws {
        let all = try query([:])
        #expect(identities(all) == Array(1...100) && all.count == 100)
        #expect(all.body["attributeNames"] == ["identity", "colour", "address"])
        #expect(all.body["results"]?[0] == ["1", .null, "q"])
        #expect(identities(try query(["offset": 90])) == Array(91...100))
        #expect(identities(try query(["offset": 10, "count": .uint(5)])) == Array(11...15))
        #expect(identities(try query(["offset": 98, "count": 5])) == [99, 100])
        let huge = AMQPValue.ulong(9_000_000_000_000_000_000)
        let beyond: [ApplicationProperties] = [
            ["offset": 100], ["offset": 1_000], ["count": 0], ["offset": huge, "count": huge],
        ]
        for properties in beyond {
            let none = try query(properties)
            #expect(none.status == .ok && none.count == 0 && none.body["results"] == .list([]))
        }
    }

    @Test func aResponseIsNoLargerThanItsReceiverTakes() throws {
        #expect(try query([:], limit: 1_500).status == .badRequest)
        let some = try query(["count": 100], limit: 1_500)
        let count = try #require(some.count)
        #expect(some.status == .ok && count > 5 && count < 100 && identities(some).count == count)
        #expect(try some.message(to: Message(id: 1)).encoded().count <= 1_500)
        #expect(identities(try query(["count": 100, "offset": .int(Int32(count))], limit: 1_500)).first == count + 1)
        #expect(try query(["count": 1], limit: 600).status == .badRequest)
    }

    // MARK: Types

    @Test func eachEntityHasTheAttributesOfItsType() throws {
        let context = try BrokerContext(BrokerOptions(), clock: QueueClock(nil))
        _ = try context.table.create(QueueDeclaration("q"), context)
        let queue = try #require(context.table.managed("q", .queue))
        let subscription = ManagedQueue(
            status: queue.status, kind: .subscription(Subscription(to: "t", nil, isDurable: true)),
            settings: queue.settings, isKept: true, owner: nil)
        let status = ConnectionStatus(containerID: "id", user: nil, address: "", links: 0)
        let entities: [ManagedEntity] = [
            .node, .broker(ManagedBroker(context.status, BrokerOptions())), .queue(queue), .queue(subscription),
            .connection(ManagedConnection(number: 1, status: status)), Self.links[0],
        ]
        #expect(Set(entities.map(\.type)) == Set(ManagedType.allCases))
        for entity in entities {
            #expect(entity.attributes.count == entity.type.attributeNames.count)
            #expect(Set(entity.type.attributeNames).count == entity.attributes.count)
        }
        for attribute in QueueAttribute.allCases {
            #expect(ManagedQueue.attributeNames.contains(attribute.rawValue))
        }
    }
}
