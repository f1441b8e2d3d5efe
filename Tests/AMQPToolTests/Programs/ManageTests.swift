// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import TestPrograms
import Testing

@testable import AMQPTool

/// `amqp manage` with this package's broker.
struct ManageTests {
    @Test func aQueueIsDeclaredListedPurgedAndDeleted() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let declared = try tool.run([
                "manage", "declare", "orders", "maxMessages=10", "policy=reject", "-o", "json",
            ])
            #expect(declared.lines.count == 1 && declared.output.contains(#""maxMessages":10,"#))
            expectFailure(try tool.run(["manage", "declare", "orders"]), 3, "status 409")
            expectDone(try tool.run(["send", "orders", "Hello {n}", "--count", "3", "--quiet"]), "")
            let list = try tool.run(["manage", "list"])
            #expect(
                list.lines.first
                    == "NAME                                  WAITING  UNSETTLED  CONSUMERS  SENDERS  ISDECLARED")
            #expect(
                list.lines.contains("orders                                      3          0          0        0  yes")
            )
            let json = try tool.run(["manage", "list", "queues", "--columns", "name,waiting", "-o", "json"])
            #expect(json.lines.contains(#"{"name":"orders","waiting":3}"#))
            let shown = try tool.run(["manage", "show", "orders"])
            for words in [["waiting", "3"], ["maxDeliveries", "-"], ["isDeclared", "yes"]] {
                #expect(shown.lines.contains { $0.split(separator: " ").map(String.init) == words })
            }
            expectFailure(try tool.run(["manage", "purge", "orders"]), 64, "--force")
            expectDone(try tool.run(["manage", "purge", "orders", "--force"]), "3\n")
            expectDone(try tool.run(["manage", "delete", "orders", "-f"]), "")
            #expect(broker.status.queue("orders") == nil)
            for arguments in [["show", "orders"], ["delete", "orders", "-f"], ["purge", "orders", "-f"]] {
                expectFailure(try tool.run(["manage"] + arguments), 3, "status 404")
            }
        }
    }

    @Test func connectionsLinksAndSubscriptionsAreListed() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let connections = try tool.run(["manage", "list", "connections", "-o", "json", "--container-id", "me"])
            #expect(connections.lines.count == 1 && connections.output.contains(#""containerID":"me""#))
            let links = try tool.run(["manage", "list", "links", "--columns", "role,address"])
            #expect(links.lines.contains("sender    $management"))
            let subscriptions = try tool.run(["manage", "list", "subscriptions"])
            #expect(subscriptions.output == "NAME  TOPIC  WAITING  UNSETTLED  CONSUMERS  OWNER\n")
        }
    }

    @Test func moreQueuesAreListedThanFitInAResponse() throws {
        var options = BrokerOptions()
        options.queues = (1...1_200).map { QueueDeclaration("q\(10_000 + $0)") }
        try withBroker(options: options) { broker in
            let list = try Tool(broker.address).run(["manage", "list", "--columns", "name", "-o", "json"])
            #expect(list.lines.count { $0.contains("\"q1") } == 1_200)
        }
    }

    @Test func wrongArgumentsAndAttributesAreRefused() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectFailure(try tool.run(["manage", "declare", "q", "colour"]), 64, "NAME=VALUE")
            expectFailure(try tool.run(["manage", "declare", "q", "colour=red"]), 3, "colour cannot be set")
            expectFailure(try tool.run(["manage", "list", "exchanges"]), 64, "exchanges")
        }
    }

    @Test func aBrokerWithoutANodeSaysSo() throws {
        let broker = try PythonBroker()
        let run = try Tool(broker.address).run(["manage", "list", "--timeout", "2s"])
        #expect(run.ending != .exited(0) && run.output.isEmpty && run.errors.contains("Error: "))
    }

    // MARK: Parts

    @Test func tablesAreAlignedAndEscaped() {
        let table = TextTable(
            columns: ["name", "waiting"],
            rows: [["a\u{1b}[2J", .ulong(5)], ["longer name", .ulong(1_000)], [.null, .null], [.symbol("s")]])
        #expect(
            table.lines == [
                "NAME         WAITING", #"a\u{1B}[2J   5"#, "longer name  1000", "-            -", "s",
            ])
        let numbers = TextTable(columns: ["n"], rows: [[.ulong(5)], [.null], [.uint(1_000)]])
        #expect(numbers.lines == ["   N", "   5", "   -", "1000"])
        #expect(TextTable(columns: ["n"], rows: []).lines == ["N"])
    }

    @Test func attributesOfRabbitMQAreRead() throws {
        func declaration(_ texts: String...) throws -> RabbitMQDeclaration {
            try RabbitMQDeclaration(texts.compactMap { QueueAttributeArgument($0) })
        }
        let made = try declaration(
            "type=classic", "durable=false", "auto-delete=true", "x-max-length=5", "x-overflow=a=b")
        #expect(made.type == .classic && !made.isDurable && made.isAutoDeleted)
        #expect(made.arguments == ["x-max-length": 5, "x-overflow": "a=b"])
        for text in ["type=fast", "durable=yes", "colour=red"] {
            #expect(throws: ToolError.self) { try declaration(text) }
        }
    }
}
