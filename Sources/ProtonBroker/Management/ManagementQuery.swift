// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// What a QUERY asks for: some attributes of some entities (AMQP Management 1.0 working draft, 3.4.1).
struct ManagementQuery: Equatable {
    /// The types whose entities are wanted.
    let types: [ManagedType]
    /// The names of the attributes that are wanted, in this order.
    let attributeNames: [String]
    /// How many of the entities are left out at the start.
    let offset: Int
    /// How many are wanted at most; nil for all.
    let count: Int?

    /// The most attributes that a query may name: there are fewer.
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

    /// The attributes of all of some types, each name once.
    private static func allNames(of types: [ManagedType]) -> [String] {
        var names: [String] = []
        for type in types { for name in type.attributeNames where !names.contains(name) { names.append(name) } }
        return names
    }

    /// The answer.
    /// - Parameters:
    ///   - entities: those of the types that are wanted, in an order that stays the same.
    ///   - limit: how large the encoded message of the answer may be.
    /// - Returns: as many of the entities as are wanted and fit. Where no count was given and not all fit, an error: who
    ///   asks for all is not to take some for that.
    func response(_ entities: [ManagedEntity], limit: Int) -> ManagementResponse {
        let names = AMQPValue.list(attributeNames.map { .string($0) })
        // What else there is in the message: ids, the address, the description.
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

    /// The room that is kept for the rest of the message, in bytes.
    private static let envelope = 1_024

    private func row(_ entity: ManagedEntity) -> AMQPValue {
        let (known, values) = (entity.type.attributeNames, entity.attributes)
        return .list(attributeNames.map { name in known.firstIndex(of: name).map { values[$0] } ?? .null })
    }
}

extension AMQPValue {
    /// How many bytes it is, encoded; nil where it cannot be.
    fileprivate var size: Int? { try? encoded().count }
}

extension Int {
    fileprivate func addingClamped(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
