// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonUtilities

/// The management of RabbitMQ 4, over AMQP at its node `/management`.
struct RabbitMQQueues: BrokerManagement {
    private let management: RabbitMQManagement

    /// - Throws: as `RabbitMQManagement.init`.
    init(_ connection: BlockingConnection) async throws {
        management = try await onThreadOfItsOwn { try RabbitMQManagement(connection) }
    }

    func list(_ kind: ManagedKind, _ attributes: [String]) async throws -> [[AMQPValue]] {
        throw ToolError(
            .refused,
            "RabbitMQ does not list \(kind.rawValue) over AMQP: use rabbitmqctl list_\(kind.rawValue), or "
                + "'amqp manage show NAME' for a queue whose name you know.")
    }

    func show(_ kind: ManagedKind, _ name: String) async throws -> AMQPMap {
        try requireQueues(kind)
        return try await ask { try $0.queue(name).properties }
    }

    func declare(_ queue: String, _ attributes: [QueueAttributeArgument]) async throws -> AMQPMap {
        let declaration = try RabbitMQDeclaration(attributes)
        return try await ask { management in
            try management.declareQueue(
                queue, type: declaration.type, isDurable: declaration.isDurable,
                isAutoDeleted: declaration.isAutoDeleted,
                arguments: declaration.arguments
            ).properties
        }
    }

    func delete(_ kind: ManagedKind, _ name: String) async throws {
        try requireQueues(kind)
        // RabbitMQ deletes what is not there as well: whoever mistypes a name is to hear of it.
        try await ask { management in
            _ = try management.queue(name)
            try management.deleteQueue(name)
        }
    }

    func purge(_ kind: ManagedKind, _ name: String) async throws -> UInt64 {
        try requireQueues(kind)
        return try await ask { try $0.purgeQueue(name) }
    }

    private func requireQueues(_ kind: ManagedKind) throws {
        guard kind == .queues else {
            throw ToolError(.refused, "RabbitMQ has queues only to manage over AMQP, and no \(kind.rawValue).")
        }
    }

    private func ask<Result: Sendable>(
        _ body: @escaping @Sendable (RabbitMQManagement) throws -> Result
    ) async throws -> Result {
        do {
            return try await onThreadOfItsOwn { [management] in try body(management) }
        } catch let error as RabbitMQError {
            throw ToolError(.refused, error.description)
        }
    }
}

/// What a RabbitMQ queue is declared as, from a command line.
struct RabbitMQDeclaration: Equatable {
    var type = RabbitMQQueue.QueueType.quorum
    var isDurable = true
    var isAutoDeleted = false
    var arguments: AMQPMap = [:]

    /// - Throws: `ToolError` for an attribute that RabbitMQ has not.
    init(_ attributes: [QueueAttributeArgument]) throws {
        for attribute in attributes {
            switch attribute.name {
            case "type":
                guard let type = RabbitMQQueue.QueueType(rawValue: attribute.value) else {
                    throw ToolError(.failure, "type=\(attribute.value): it must be classic, quorum or stream.")
                }
                self.type = type
            case "durable": isDurable = try RabbitMQDeclaration.flag(attribute)
            case "auto-delete": isAutoDeleted = try RabbitMQDeclaration.flag(attribute)
            case let name where name.hasPrefix("x-"):
                arguments[.string(name)] = RabbitMQDeclaration.value(attribute.value)
            default:
                throw ToolError(
                    .failure,
                    "\(attribute.name) is no attribute of a queue of RabbitMQ: those are type, durable, auto-delete and "
                        + "arguments that begin with x-.")
            }
        }
    }

    private static func flag(_ attribute: QueueAttributeArgument) throws -> Bool {
        guard let flag = Bool(attribute.value) else {
            throw ToolError(.failure, "\(attribute.name)=\(attribute.value): it must be true or false.")
        }
        return flag
    }

    private static func value(_ text: String) -> AMQPValue {
        if let number = Int64(text) { return .long(number) }
        if let flag = Bool(text) { return .boolean(flag) }
        return .string(text)
    }
}

/// Runs what blocks on a thread of its own, so that none of those that tasks share is held up.
/// - Throws: what the body throws; `ToolError` where the system has no thread left.
private func onThreadOfItsOwn<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread.start { continuation.resume(with: Swift.Result { try body() }) }
        guard let thread else {
            return continuation.resume(throwing: ToolError(.failure, "No thread can be started: is a limit reached?"))
        }
        thread.detach()
    }
}
