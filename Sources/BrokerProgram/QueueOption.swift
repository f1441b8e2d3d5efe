// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import ProtonUtilities

/// A queue to declare, with those of its settings that are given.
struct QueueOption: Sendable {
    var address: String
    var isExclusive = false
    var messages: Int?
    var bytes: Int?
    var whenFull: WhenFull?
    var maxDeliveries: Int?
    var deadLetter: String?

    /// What a queue can have of its own: `orders,exclusive,messages=1000` on the command line, the keys of an object in a
    /// file.
    static let settings: [any Setting<QueueOption>] = [
        SwitchSetting("exclusive") { $0.isExclusive = $1 },
        ValueSetting("messages", .count) { $0.messages = $1 },
        ValueSetting("bytes", .size) { $0.bytes = $1 },
        ValueSetting("when-full", .oneOf("policy")) { $0.whenFull = $1 },
        ValueSetting("max-deliveries", .count) { $0.maxDeliveries = $1 },
        ValueSetting("dead-letter", .address) { $0.deadLetter = $1 },
    ]

    /// Checks that a queue is not declared yet.
    static let checkIsNew: @Sendable (QueueOption, ArraySlice<QueueOption>) throws -> Void = { queue, others in
        guard others.contains(where: { $0.address == queue.address }) else { return }
        throw Problem("declares the queue '\(queue.address)', which is there already")
    }

    /// - Parameter options: what holds for all queues.
    func declaration(_ options: BrokerOptions) -> QueueDeclaration {
        let limits = QueueLimits(
            messages: messages ?? options.queueLimits.messages, bytes: bytes ?? options.queueLimits.bytes,
            policy: whenFull?.policy ?? options.queueLimits.policy)
        var redelivery = options.redelivery
        redelivery.maxDeliveries = maxDeliveries ?? redelivery.maxDeliveries
        return QueueDeclaration(
            address, limits: limits, isExclusive: isExclusive, redelivery: redelivery, deadLetterAddress: deadLetter)
    }
}

extension ValueKind<QueueOption> {
    /// A queue with its settings.
    static let queue = ValueKind(name: "address[,...]", form: .textOrObject(readQueue)) { text in
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var queue = QueueOption(address: try ValueKind<String>.address.read(parts[0]))
        for part in parts.dropFirst() { try change(part).apply(&queue) }
        return queue
    }

    /// What `name=value`, or `name`, sets.
    private static func change(_ part: String) throws -> Change<QueueOption> {
        let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let setting = QueueOption.settings.first { $0.name == pair[0] }
        do {
            if let change = try setting?.change(from: pair.count == 2 ? pair[1] : nil) { return change }
        } catch {
            throw Problem("has '\(part)', whose value \(error)")
        }
        let all = QueueOption.settings.map { [$0.name, $0.valueName?.uppercased()].compactMap(\.self) }
            .map { $0.joined(separator: "=") }
        throw Problem(
            "has '\(part)', which is no setting of a queue: those are \(all.dropLast().joined(separator: ", ")) "
                + "and \(all.last ?? "")")
    }

    /// Reads an object of a file, which may have any address, as on the command line one without a comma.
    private static let readQueue: @Sendable ([String: JSONValue], String) throws -> QueueOption = { members, path in
        var queue = QueueOption(address: "")
        let address = ValueSetting<QueueOption, String>("address", .address) { $0.address = $1 }
        try JSONObject(members, path: path).apply([address] + QueueOption.settings, to: &queue)
        guard !queue.address.isEmpty else { throw Problem("\"\(path).address\" is missing") }
        return queue
    }
}
