// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The types of managed entities, with their names in requests.
///
/// The working draft defines the type of the node itself. The others are defined by this broker.
enum ManagedType: String, CaseIterable, Sendable {
    case node = "org.amqp.management"
    case broker = "proton.broker"
    case queue = "proton.broker.queue"
    case subscription = "proton.broker.subscription"
    case connection = "proton.broker.connection"
    case link = "proton.broker.link"

    /// The operations of an entity of the type, with the names of their arguments.
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

    /// The names of the attributes of an entity of the type.
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

    /// The types for a request.
    /// - Parameter name: the name of one type; nil for all.
    /// - Throws: if there is no such type.
    static func all(by name: String?) throws(ManagementError) -> [ManagedType] {
        guard let name else { return allCases }
        return [try ManagedType(named: name)]
    }

    /// - Throws: if there is no such type.
    init(named name: String) throws(ManagementError) {
        guard let type = ManagedType(rawValue: name) else {
            let all = ManagedType.allCases.map(\.rawValue).joined(separator: ", ")
            throw ManagementError(
                .notFound, "There is no type \(name.escapedForLog(upTo: 200)): there are \(all).")
        }
        self = type
    }
}

/// The operation of a request (AMQP Management 1.0 working draft, 3.3 and 3.4).
enum ManagementOperation: String, CaseIterable, Sendable {
    case create = "CREATE"
    case read = "READ"
    case update = "UPDATE"
    case delete = "DELETE"
    /// Defined by this broker: removes the messages of a queue that are not delivered to a consumer.
    case purge = "PURGE"
    case query = "QUERY"
    case getTypes = "GET-TYPES"
    case getAnnotations = "GET-ANNOTATIONS"
    case getAttributes = "GET-ATTRIBUTES"
    case getOperations = "GET-OPERATIONS"
    case getManagementNodes = "GET-MGMT-NODES"
}

extension ManagementResponse {
    /// The answer to GET-TYPES.
    static func types(_ types: [ManagedType]) -> ManagementResponse { table(types) { _ in .list([]) } }

    /// The answer to GET-ANNOTATIONS: no type has any.
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
