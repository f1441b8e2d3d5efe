// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

@testable import ProtonBroker

/// The management node, as a test asks it.
struct ManagementClient {
    let connection: AMQPConnection

    struct Answer {
        let code: Int?
        let text: String
        let properties: ApplicationProperties
        let body: AMQPValue
    }

    /// Makes a request, and waits for its response.
    func ask(
        _ operation: String, _ properties: ApplicationProperties = [:], _ body: Message.Body = .null
    ) async throws -> Answer {
        var all = properties
        all["operation"] = .string(operation)
        let request = Message(body: body, properties: all)
        let response = try await connection.request(request, to: "$management", timeout: .seconds(20))
        return Answer(
            code: response.properties["statusCode"]?.intValue,
            text: response.properties["statusDescription"]?.stringValue ?? "", properties: response.properties,
            body: response.body.value)
    }

    /// Makes a request about a queue.
    func queue(_ operation: String, _ name: String, _ attributes: AMQPMap? = nil) async throws -> Answer {
        try await ask(
            operation, ["type": "proton.broker.queue", "name": .string(name)],
            attributes.map { .value(.map($0)) } ?? .null)
    }

    /// The names of all of a type.
    func names(_ type: String) async throws -> [String] {
        let answer = try await ask("QUERY", ["entityType": .string(type)], ["attributeNames": ["name"]])
        return (answer.body["results"]?.listValue ?? []).compactMap { $0[0]?.stringValue }
    }
}

extension Broker {
    /// Asks the management node.
    /// - Parameter user: who asks, whose password is the name backwards; nil comes without a log-in.
    func manage(as user: String? = nil, _ body: (ManagementClient) async throws -> Void) async throws {
        let client = try AMQPClient(user.map { url($0) } ?? address, options: ConnectionOptions(reconnect: nil))
        try await client.withConnection { try await body(ManagementClient(connection: $0)) }
    }
}
