// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The arguments of a QUERY: some attributes of some entities (AMQP Management 1.0 working draft, 3.4.1).
struct ManagementQuery: Equatable {
    /// The types of the requested entities.
    let types: [ManagedType]
    /// The names of the requested attributes, in this order.
    let attributeNames: [String]
    /// How many entities are skipped at the start.
    let offset: Int
    /// The maximum number of entities; nil for all.
    let count: Int?

    /// The maximum number of attributes in a query; there are fewer.
    private static let maxAttributes = 100

    init(_ message: Message) throws(ManagementError) {
        types = try ManagedType.all(by: try message.managementProperty("entityType"))
        offset = try message.managementCount("offset") ?? 0
        count = try message.managementCount("count")
        let names = try ManagementQuery.names(in: message.body)
        attributeNames = names.isEmpty ? ManagementQuery.allNames(of: types) : names
    }

    private static func names(in body: Message.Body) throws(ManagementError) -> [String] {
        let list: AMQPValue?
        switch body {
        case .value(.null): list = nil
        case .value(.map(let map)): list = map["attributeNames"]
        default: throw ManagementError(.badRequest, "The body is no map with a list 'attributeNames'.")
        }
        let values: [AMQPValue]
        switch list {
        case nil, .null: values = []
        case .list(let elements): values = elements
        case .array(let array): values = array.elements
        default: throw ManagementError(.badRequest, "'attributeNames' is no list.")
        }
        let names = values.compactMap { $0.stringValue ?? $0.symbolValue?.name }
        guard names.count == values.count else {
            throw ManagementError(.badRequest, "'attributeNames' has an element that is no string.")
        }
        guard names.count <= maxAttributes, Set(names).count == names.count else {
            throw ManagementError(.badRequest, "'attributeNames' names an attribute twice, or more than there are.")
        }
        return names
    }

    /// The attribute names of some types, each name once.
    private static func allNames(of types: [ManagedType]) -> [String] {
        var names: [String] = []
        for type in types { for name in type.attributeNames where !names.contains(name) { names.append(name) } }
        return names
    }

    /// The answer.
    /// - Parameters:
    ///   - entities: the entities of the requested types, in a stable order.
    ///   - limit: the maximum size of the answer's encoded message.
    /// - Returns: as many of the requested entities as fit. If no count was given and not all fit, an error, so that the peer
    ///   does not take a part for all.
    func response(_ entities: [ManagedEntity], limit: Int) -> ManagementResponse {
        let names = AMQPValue.list(attributeNames.map { .string($0) })
        // The rest of the message: ids, the address, the description.
        var room = limit - ManagementQuery.envelope - (names.size ?? 0)
        let end = min(entities.count, offset.addingClamped(count ?? entities.count))
        var rows: [AMQPValue] = []
        for entity in entities[min(offset, end)..<end] {
            let row = row(entity)
            guard let size = row.size, size <= room else { break }
            room -= size
            rows.append(row)
        }
        let wanted = end - min(offset, end)
        if rows.count < wanted, count == nil || rows.isEmpty {
            return ManagementResponse(
                ManagementError(
                    .badRequest,
                    "\(wanted) entities are more than fit in a message of \(limit) bytes: ask for fewer, with a count, "
                        + "and then for the next, with an offset."))
        }
        return ManagementResponse(
            .ok, .map(["attributeNames": names, "results": .list(rows)]), count: rows.count)
    }

    /// The room that is reserved for the rest of the message, in bytes.
    private static let envelope = 1_024

    private func row(_ entity: ManagedEntity) -> AMQPValue {
        let (known, values) = (entity.type.attributeNames, entity.attributes)
        return .list(attributeNames.map { name in known.firstIndex(of: name).map { values[$0] } ?? .null })
    }
}

extension AMQPValue {
    /// The size of the encoded value, in bytes; nil if it cannot be encoded.
    fileprivate var size: Int? { try? encoded().count }
}

extension Int {
    fileprivate func addingClamped(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
