// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton

/// The management of a broker that has a node `$management`, by AMQP Management 1.0, as this package's broker.
struct NodeManagement: BrokerManagement {
    let connection: AMQPConnection
    /// How long a response may take.
    let timeout: Duration

    /// How many a query asks for at a time.
    private static let pageSize = 500

    func list(_ kind: ManagedKind, _ attributes: [String]) async throws -> [[AMQPValue]] {
        var rows: [[AMQPValue]] = []
        let body: Message.Body = .value(.map(["attributeNames": .list(attributes.map { .string($0) })]))
        while true {
            let response = try await ask(
                "QUERY",
                [
                    "type": "org.amqp.management", "name": "self", "entityType": .string(kind.type),
                    "offset": .int(Int32(clamping: rows.count)), "count": .int(Int32(NodeManagement.pageSize)),
                ], body)
            guard let results = response.body["results"]?.listValue else {
                throw ToolError(.refused, "The broker's answer to QUERY has no results.")
            }
            // A response may have fewer than were asked for: only one without any is the last.
            if results.isEmpty { return rows }
            rows += results.map { $0.listValue ?? [] }
        }
    }

    func show(_ kind: ManagedKind, _ name: String) async throws -> AMQPMap {
        try await ask("READ", kind.target(name)).body.value.mapValue ?? [:]
    }

    func declare(_ queue: String, _ attributes: [QueueAttributeArgument]) async throws -> AMQPMap {
        let map = AMQPMap(attributes.map { (.string($0.name), .string($0.value)) })
        return try await ask("CREATE", ManagedKind.queues.target(queue), .value(.map(map))).body.value.mapValue ?? [:]
    }

    func delete(_ kind: ManagedKind, _ name: String) async throws { _ = try await ask("DELETE", kind.target(name)) }

    func purge(_ kind: ManagedKind, _ name: String) async throws -> UInt64 {
        try await ask("PURGE", kind.target(name)).body["messages"]?.integer(as: UInt64.self) ?? 0
    }

    /// Makes a request, and waits for its response.
    /// - Throws: `ToolError` where the broker has not done it.
    private func ask(
        _ operation: String, _ properties: ApplicationProperties, _ body: Message.Body = .null
    ) async throws -> Message {
        var all = properties
        all["operation"] = .string(operation)
        // Brokers without the node may make a queue of its address: there the request is not to stay.
        let request = Message(body: body, properties: all, timeToLive: timeout)
        let response: Message
        do {
            response = try await connection.request(request, to: "$management", timeout: timeout)
        } catch let error as AMQPSendError {
            guard let error = ToolError(error), error.exit == .timedOut || error.exit == .refused else { throw error }
            throw ToolError(error.exit, "\(error.message) Does the broker have a node $management?")
        }
        guard let status = response.properties["statusCode"]?.intValue else {
            throw ToolError(.refused, "The broker's answer to \(operation) has no status.")
        }
        guard (200..<300).contains(status) else {
            let text = response.properties["statusDescription"]?.stringValue ?? "no reason given"
            throw ToolError(.refused, "The broker has refused \(operation) with status \(status): \(text)")
        }
        return response
    }
}

extension ManagedKind {
    /// The type's name at the node.
    fileprivate var type: String { "proton.broker.\(singular)" }

    fileprivate func target(_ name: String) -> ApplicationProperties { ["type": .string(type), "name": .string(name)] }
}
