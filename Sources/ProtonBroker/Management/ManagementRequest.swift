// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A request to the management node, decoded from its message and checked.
enum ManagementRequest: Equatable {
    /// Declares a queue.
    case create(QueueDeclaration)
    case read(Target)
    /// Changes attributes of a queue.
    case update(String, attributes: AMQPMap)
    case delete(Target)
    case purge(Target)
    case query(ManagementQuery)
    /// Has a constant answer: the types, their attributes or operations.
    case describe(ManagementResponse)

    /// The entity of a request.
    struct Target: Equatable {
        let type: ManagedType
        /// Its name and identity, which are the same.
        let name: String
    }

    /// - Parameter options: the broker's options, which have the defaults for declared queues.
    /// - Throws: the answer to an invalid request.
    init(_ message: Message, _ options: BrokerOptions) throws(ManagementError) {
        guard let operation = try message.managementProperty("operation") else {
            throw ManagementError(.badRequest, "The application property 'operation' is missing.")
        }
        let typeName = try message.managementProperty("type")
        guard let operation = ManagementOperation(rawValue: operation) else {
            throw ManagementError(
                .notImplemented, "There is no operation \(operation.escapedForLog(upTo: 200)).")
        }
        // Some clients omit the type for operations that only the node itself has.
        let type = try typeName.map { name throws(ManagementError) in try ManagedType(named: name) }
        let owner = type ?? (ManagedType.node.allows(operation) && operation != .read ? .node : nil)
        guard let type = owner else {
            throw ManagementError(.badRequest, "The application property 'type' is missing.")
        }
        guard type.allows(operation) else {
            throw ManagementError(
                .notImplemented, "An entity of the type \(type.rawValue) has no operation \(operation.rawValue).")
        }
        self = try ManagementRequest.request(operation, type, message, options)
    }

    private static func request(
        _ operation: ManagementOperation, _ type: ManagedType, _ message: Message, _ options: BrokerOptions
    ) throws(ManagementError) -> ManagementRequest {
        switch operation {
        case .create:
            let name = try name(of: message)
            let attributes = try message.managementAttributes(of: name, type)
            return .create(try QueueDeclaration(name, attributes, options))
        case .read: return .read(Target(type: type, name: try name(of: message)))
        case .update:
            let name = try name(of: message)
            return .update(name, attributes: try message.managementAttributes(of: name, type))
        case .delete: return .delete(Target(type: type, name: try name(of: message)))
        case .purge: return .purge(Target(type: type, name: try name(of: message)))
        case .query: return .query(try ManagementQuery(message))
        case .getTypes: return .describe(.types(try types(message)))
        case .getAnnotations: return .describe(.annotations(try types(message)))
        case .getAttributes: return .describe(.attributes(try types(message)))
        case .getOperations: return .describe(.operations(try types(message)))
        case .getManagementNodes: return .describe(ManagementResponse(.ok, .list([])))
        }
    }

    private static func types(_ message: Message) throws(ManagementError) -> [ManagedType] {
        try ManagedType.all(by: try message.managementProperty("entityType"))
    }

    /// The name of the entity of a request, from either of two properties.
    private static func name(of message: Message) throws(ManagementError) -> String {
        let name = try message.managementProperty("name")
        let identity = try message.managementProperty("identity")
        guard let text = name ?? identity else {
            throw ManagementError(.badRequest, "The application property 'name' is missing, and 'identity' as well.")
        }
        guard name == nil || identity == nil || Address(text) == Address(identity ?? "") else {
            throw ManagementError(.badRequest, "The properties 'name' and 'identity' are of two entities: give one.")
        }
        return text
    }
}

extension ManagedType {
    fileprivate func allows(_ operation: ManagementOperation) -> Bool {
        operations.contains { $0.name == operation }
    }
}

extension Message {
    /// An application property that is a string or a symbol; nil if it is missing or null.
    /// - Throws: if it has another type.
    func managementProperty(_ name: String) throws(ManagementError) -> String? {
        switch properties[name] {
        case nil, .null: return nil
        case .string(let text): return text
        case .symbol(let symbol): return symbol.name
        case .some: throw ManagementError(.badRequest, "The application property '\(name)' is no string.")
        }
    }

    /// An application property that is a number from 0 on, or a string of one; nil if it is missing or null.
    /// - Throws: if it has another type.
    func managementCount(_ name: String) throws(ManagementError) -> Int? {
        switch properties[name] {
        case nil, .null: return nil
        case let value?:
            guard let count = value.intValue ?? value.stringValue.flatMap({ Int($0) }), count >= 0 else {
                throw ManagementError(.badRequest, "The application property '\(name)' is no number from 0 on.")
            }
            return count
        }
    }

    /// The attributes in the body of a request, without those that repeat its name, identity and type.
    /// - Throws: if the body is not a map with string keys, or the repeated attributes differ.
    fileprivate func managementAttributes(of name: String, _ type: ManagedType) throws(ManagementError) -> AMQPMap {
        var attributes: AMQPMap
        switch body {
        case .value(.map(let map)): attributes = map
        case .value(.null): attributes = [:]
        default: throw ManagementError(.badRequest, "The body is no map: it must be an amqp-value with one.")
        }
        for (key, value) in attributes {
            guard let key = key.stringValue else {
                throw ManagementError(.badRequest, "The body has the key \(key): names of attributes are strings.")
            }
            let expected: String
            switch key {
            case "name", "identity": expected = name
            case "type": expected = type.rawValue
            default: continue
            }
            guard let text = value.stringValue, Address(text) == Address(expected) else {
                throw ManagementError(.badRequest, "The attribute '\(key)' is another one than the request's.")
            }
        }
        for key in ["name", "identity", "type"] { attributes[.string(key)] = nil }
        return attributes
    }
}
