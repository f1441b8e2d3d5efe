// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The types of what the management node manages, by the names that requests have.
///
/// The one of the node itself is the working draft's. The others are the broker's own: the draft names none.
enum ManagedType: String, CaseIterable, Sendable {
    case node = "org.amqp.management"
    case broker = "proton.broker"
    case queue = "proton.broker.queue"
    case subscription = "proton.broker.subscription"
    case connection = "proton.broker.connection"
    case link = "proton.broker.link"

    /// What requests can ask of an entity of the type, with the names of their arguments.
    var operations: [(name: ManagementOperation, arguments: [String])] {
        switch self {
        case .node:
            [
                (.query, ["entityType", "offset", "count"]), (.getTypes, ["entityType"]),
                (.getAnnotations, ["entityType"]), (.getAttributes, ["entityType"]),
                (.getOperations, ["entityType"]), (.getManagementNodes, []), (.read, ["name", "identity"]),
            ]
        case .queue:
            [
                (.create, ["name"]), (.read, ["name", "identity"]), (.update, ["name", "identity"]),
                (.delete, ["name", "identity"]), (.purge, ["name", "identity"]),
            ]
        case .subscription:
            [(.read, ["name", "identity"]), (.delete, ["name", "identity"]), (.purge, ["name", "identity"])]
        case .broker, .connection, .link: [(.read, ["name", "identity"])]
        }
    }

    /// The names of what there is to know of an entity of the type.
    var attributeNames: [String] {
        let own =
            switch self {
            case .node: [String]()
            case .broker: ManagedBroker.attributeNames
            case .queue: ManagedQueue.attributeNames
            case .subscription: ManagedQueue.subscriptionAttributeNames
            case .connection: ManagedConnection.attributeNames
            case .link: ManagedLink.attributeNames
            }
        return ["name", "identity", "type"] + own
    }

    /// The types that a request is about.
    /// - Parameter name: of one of them; nil for all.
    /// - Throws: where there is no such type.
    static func all(by name: String?) throws(ManagementError) -> [ManagedType] {
        guard let name else { return allCases }
        return [try ManagedType(named: name)]
    }

    /// - Throws: where there is no such type.
    init(named name: String) throws(ManagementError) {
        guard let type = ManagedType(rawValue: name) else {
            let all = ManagedType.allCases.map(\.rawValue).joined(separator: ", ")
            throw ManagementError(
                .notFound, "There is no type \(name.escapedForLog(upTo: 200)): there are \(all).")
        }
        self = type
    }
}

/// What a request asks for (AMQP Management 1.0 working draft, 3.3 and 3.4).
enum ManagementOperation: String, CaseIterable, Sendable {
    case create = "CREATE"
    case read = "READ"
    case update = "UPDATE"
    case delete = "DELETE"
    /// The broker's own: removes the messages of a queue that no consumer has.
    case purge = "PURGE"
    case query = "QUERY"
    case getTypes = "GET-TYPES"
    case getAnnotations = "GET-ANNOTATIONS"
    case getAttributes = "GET-ATTRIBUTES"
    case getOperations = "GET-OPERATIONS"
    case getManagementNodes = "GET-MGMT-NODES"
}

extension ManagementResponse {
    /// What the node says of types.
    static func types(_ types: [ManagedType]) -> ManagementResponse { table(types) { _ in .list([]) } }

    /// Nothing here has annotations.
    static func annotations(_ types: [ManagedType]) -> ManagementResponse { table(types) { _ in .list([]) } }

    static func attributes(_ types: [ManagedType]) -> ManagementResponse {
        table(types) { .list($0.attributeNames.map { .string($0) }) }
    }

    static func operations(_ types: [ManagedType]) -> ManagementResponse {
        table(types) { type in
            .map(
                AMQPMap(
                    type.operations.map { operation in
                        (.string(operation.name.rawValue), .list(operation.arguments.map { .string($0) }))
                    }))
        }
    }

    private static func table(_ types: [ManagedType], _ value: (ManagedType) -> AMQPValue) -> ManagementResponse {
        ManagementResponse(.ok, .map(AMQPMap(types.map { (.string($0.rawValue), value($0)) })))
    }
}
