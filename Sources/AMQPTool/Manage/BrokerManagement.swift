// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
import Proton

/// What is managed at a broker, by the words of `amqp manage list`.
package enum ManagedKind: String, CaseIterable, Sendable {
    case queues, subscriptions, connections, links

    /// One of them, in an error.
    var singular: String { String(rawValue.dropLast()) }

    /// The columns of a list where none are asked for.
    var columns: [String] {
        switch self {
        case .queues: ["name", "waiting", "unsettled", "consumers", "senders", "isDeclared"]
        case .subscriptions: ["name", "topic", "waiting", "unsettled", "consumers", "owner"]
        case .connections: ["name", "address", "user", "containerID", "links"]
        case .links: ["name", "connection", "role", "address", "linkName"]
        }
    }
}

/// What the management of a broker can do, whichever kind of management it is.
package protocol BrokerManagement: Sendable {
    /// What there is of a kind: the values of some attributes, in their order.
    /// - Throws: `ToolError`, also where this broker cannot list them.
    func list(_ kind: ManagedKind, _ attributes: [String]) async throws -> [[AMQPValue]]

    /// All that the broker says of one of a kind.
    /// - Throws: `ToolError`, also where there is none of this name.
    func show(_ kind: ManagedKind, _ name: String) async throws -> AMQPMap

    /// Declares a queue.
    /// - Parameter attributes: texts by name, as on a command line.
    /// - Returns: what the broker says of the queue.
    /// - Throws: `ToolError`.
    func declare(_ queue: String, _ attributes: [QueueAttributeArgument]) async throws -> AMQPMap

    /// Deletes one of a kind.
    /// - Throws: `ToolError`.
    func delete(_ kind: ManagedKind, _ name: String) async throws

    /// Removes the messages of one of a kind that no consumer has.
    /// - Returns: how many there were.
    /// - Throws: `ToolError`.
    func purge(_ kind: ManagedKind, _ name: String) async throws -> UInt64
}

/// An attribute of a queue on the command line: `maxMessages=1000`.
package struct QueueAttributeArgument: Sendable, Hashable {
    package let name: String
    package let value: String

    /// - Returns: nil for a text that is no attribute.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        (name, value) = (parts[0], parts[1])
    }
}
